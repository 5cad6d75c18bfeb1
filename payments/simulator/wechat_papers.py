"""The papers of WeChat Pay: payments and refunds as documents, signed answers, encrypted notifications, certificates.

wechat.py answers with them, postman.py sends them. Source: WeChat Pay API v3, public-key mode.
"""

import time
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.serialization import Encoding

from payments.simulator import crypto
from payments.simulator.book import Letter, Refund, Trade
from payments.simulator.postman import Envelope, Variant
from payments.simulator.world import Answer, World

BEIJING: Final = timezone(timedelta(hours=8))
TRADE_TYPES: Final = {"native": "NATIVE", "jsapi": "JSAPI", "h5": "MWEB"}
PAID: Final = {"trade_state": "SUCCESS", "trade_state_desc": "支付成功"}  # what it says stays true after a refund
SHOWN: Final = {"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "REFUND": "转入退款", "CLOSED": "已关闭"}
SUMMARIES: Final = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
}


def signed(world: World, done: Answer, key_id: str) -> Answer:
    """Sign an answer with the platform's key that the request named, the newest when that one is not valid."""
    platform = world.keys.wechat_platform
    done.headers.update(_signature(world, done.body, key_id if key_id in platform.valid else platform.newest_id))
    return done


def write(world: World, trade: Trade, letter: Letter, variant: Variant) -> Envelope:
    """Write a notification; `variant` names what is wrong with it."""
    refund = trade.find_refund(letter.refund)
    resource = _refund_notice(trade, refund) if refund else {**payment(trade), **PAID}
    if variant == "foreign":
        resource["mchid"] = "1900000001"
    event = f"REFUND.{refund.ends}" if refund else "TRANSACTION.SUCCESS"
    body = _notice(world, letter, resource, event)
    headers = _signature(world, body, world.keys.wechat_platform.any_id(), variant)
    if variant == "tampered":
        resource["amount"]["total"] += 100
        body = _notice(world, letter, resource, event)
    return Envelope({**headers, "content-type": "application/json"}, body)


def payment(trade: Trade) -> dict[str, Any]:
    """Describe a trade as queries and notifications do."""
    shown = "REFUND" if trade.refunds else trade.state
    told: dict[str, Any] = {
        "mchid": trade.merchant,
        "appid": trade.app,
        "out_trade_no": trade.no,
        "trade_state": shown,
        "trade_state_desc": SHOWN[shown],
        "amount": {"total": trade.amount, "currency": trade.currency, "payer_currency": trade.currency},
        "promotion_detail": [_coupon(trade)] if trade.coupon else [],
    }
    if trade.state == "SUCCESS":
        told |= {
            "transaction_id": trade.txn_no,
            "trade_type": TRADE_TYPES[trade.form],
            "bank_type": "OTHERS",
            "attach": "",
            "success_time": _moment(trade.paid_at),
            "payer": {"openid": trade.payer},
        }
        told["amount"] |= {"total": trade.captured, "payer_total": trade.captured - trade.coupon}
    return told


def _coupon(trade: Trade) -> dict[str, Any]:
    """Describe what the gateway itself paid for the buyer."""
    return {
        "coupon_id": trade.token[:8],
        "name": "simulated coupon",
        "scope": "GLOBAL",
        "type": "CASH",
        "amount": trade.coupon,
        "wechatpay_contribute": trade.coupon,
        "merchant_contribute": 0,
        "other_contribute": 0,
        "currency": trade.currency,
    }


def refund_told(world: World, trade: Trade, refund: Refund) -> dict[str, Any]:
    """Describe a refund as its create and query calls do."""
    state = refund.state(world.clock.now())
    told = {
        "refund_id": refund.refund_no,
        "out_refund_no": refund.no,
        "transaction_id": trade.txn_no,
        "out_trade_no": trade.no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": _moment(refund.at),
        "status": state,
        "funds_account": "AVAILABLE",
        "amount": {
            **_refund_amount(trade, refund),
            "settlement_refund": refund.amount,
            "settlement_total": trade.captured,
            "discount_refund": _discount(trade, refund),
            "currency": trade.currency,
        },
    }
    return {**told, "success_time": _moment(refund.done_at)} if state == "SUCCESS" else told


def _refund_notice(trade: Trade, refund: Refund) -> dict[str, Any]:
    told = {
        "mchid": trade.merchant,
        "out_trade_no": trade.no,
        "transaction_id": trade.txn_no,
        "out_refund_no": refund.no,
        "refund_id": refund.refund_no,
        "refund_status": refund.ends,
        "user_received_account": "支付用户零钱",
        "amount": _refund_amount(trade, refund),
    }
    return {**told, "success_time": _moment(refund.done_at)} if refund.ends == "SUCCESS" else told


def _refund_amount(trade: Trade, refund: Refund) -> dict[str, int]:
    return {
        "total": trade.captured,
        "refund": refund.amount,
        "payer_total": trade.captured - trade.coupon,
        "payer_refund": refund.amount - _discount(trade, refund),
    }


def _discount(trade: Trade, refund: Refund) -> int:
    """Fen of a refund that go back to the coupon, not to the payer."""
    return trade.coupon * refund.amount // trade.captured


def certificates(world: World) -> dict[str, Any]:
    """List the platform's certificate, encrypted for the merchant, as GET /v3/certificates does."""
    made = world.keys.certificate
    pem = made.public_bytes(Encoding.PEM).decode()
    nonce, sealed = crypto.encrypt(world.keys.names.apiv3_key, pem, "certificate")
    listed = {
        "serial_no": f"{made.serial_number:X}",
        "effective_time": made.not_valid_before_utc.astimezone(BEIJING).isoformat(timespec="seconds"),
        "expire_time": made.not_valid_after_utc.astimezone(BEIJING).isoformat(timespec="seconds"),
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": sealed,
        },
    }
    return {"data": [listed]}


def _notice(world: World, letter: Letter, resource: dict[str, Any], event: str) -> bytes:
    kind = event.partition(".")[0].lower()
    nonce, sealed = crypto.encrypt(world.keys.names.apiv3_key, orjson.dumps(resource).decode(), kind)
    notice = {
        "id": letter.id,
        "create_time": _moment(world.clock.now()),
        "resource_type": "encrypt-resource",
        "event_type": event,
        "summary": SUMMARIES[event],
        "resource": {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": sealed,
            "associated_data": kind,
            "nonce": nonce,
        },
    }
    return orjson.dumps(notice)


def _signature(world: World, body: bytes, key_id: str, variant: Variant = "") -> dict[str, str]:
    """Sign a body as the Wechatpay-* headers."""
    stamp = str(int(time.time()) - (3600 if variant == "stale" else 0))
    nonce = crypto.token()
    key = crypto.stray_key() if variant in {"forged", "serial"} else world.keys.wechat_platform.valid[key_id]
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": "PUB_KEY_ID_0" if variant == "serial" else key_id,
        "Wechatpay-Signature": crypto.sign(key, f"{stamp}\n{nonce}\n{body.decode()}\n"),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, tz=BEIJING).isoformat(timespec="seconds")
