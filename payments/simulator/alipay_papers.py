"""The papers of Alipay: signed answers, form-encoded notifications, the signed way back to the shop.

alipay.py answers with them, postman.py sends them. Source: Alipay Open Platform, RSA2.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from payments.simulator import crypto, refunds
from payments.simulator.book import Letter, Trade
from payments.simulator.postman import Envelope, Variant
from payments.simulator.world import Answer, World

BEIJING: Final = timezone(timedelta(hours=8))
BUYER: Final = "2088000000000002"
BUYER_LOGIN: Final = "buy***@sim"


def signed(world: World, method: str, told: Mapping[str, Any], subject: str = "") -> Answer:
    """Answer a method; exactly the text of the inner object is signed."""
    inner = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    signature = crypto.sign(world.keys.alipay_platform, inner)
    body = f'{{"{method.replace(".", "_")}_response":{inner},"sign":"{signature}"}}'
    return Answer(body=body.encode(), content_type="text/html;charset=utf-8", subject=subject)


def write(world: World, trade: Trade, letter: Letter, variant: Variant) -> Envelope:
    """Write a notification; `variant` names what is wrong with it."""
    told = {
        "notify_time": moment(world.clock.now()),
        "notify_type": "trade_status_sync",
        "notify_id": letter.id,
        "charset": "utf-8",
        "version": "1.0",
        "app_id": "2021000000000001" if variant == "foreign" else trade.app,
        "auth_app_id": trade.app,
        "trade_no": trade.txn_no,
        "out_trade_no": trade.no,
        "buyer_id": BUYER,
        "seller_id": trade.merchant,
        "trade_status": "TRADE_SUCCESS",
        "total_amount": yuan(trade.captured),
        "receipt_amount": yuan(trade.captured),
        "buyer_pay_amount": yuan(trade.captured - trade.coupon),
        "subject": trade.subject,
        "gmt_create": moment(trade.created_at),
        "gmt_payment": moment(trade.paid_at),
    }
    refund = trade.find_refund(letter.refund)
    if refund:
        told |= {
            "out_biz_no": refund.no,
            "refund_fee": yuan(given_back(world, trade)),
            "gmt_refund": f"{moment(refund.done_at)}.000",
            "trade_status": status(world, trade),
        }
    key = crypto.stray_key() if variant in {"forged", "serial"} else world.keys.alipay_platform
    sign = crypto.sign(key, canonical(told))
    if variant == "tampered":
        told["total_amount"] = yuan(trade.captured + 100)
    body = urlencode({**told, "sign_type": "RSA2", "sign": sign}).encode()
    return Envelope({"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, body)


def way_back(world: World, trade: Trade) -> str:
    """Write the address to which the buyer's browser returns after paying."""
    told = {
        "charset": "utf-8",
        "out_trade_no": trade.no,
        "method": f"alipay.trade.{trade.form}.pay.return",
        "total_amount": yuan(trade.captured),
        "trade_no": trade.txn_no,
        "auth_app_id": trade.app,
        "version": "1.0",
        "app_id": trade.app,
        "seller_id": trade.merchant,
        "timestamp": moment(world.clock.now()),
    }
    sign = crypto.sign(world.keys.alipay_platform, canonical(told))
    joint = "&" if "?" in trade.return_url else "?"
    return f"{trade.return_url}{joint}{urlencode({**told, 'sign_type': 'RSA2', 'sign': sign})}"


def canonical(params: Mapping[str, str]) -> str:
    """Sort and join what is signed."""
    return "&".join(f"{key}={params[key]}" for key in sorted(params) if params[key])


def is_from_merchant(key: RSAPrivateKey, params: Mapping[str, str]) -> bool:
    """Whether the merchant signed these parameters."""
    bare = {name: value for name, value in params.items() if name != "sign"}
    return crypto.verifies(key.public_key(), canonical(bare).encode(), params.get("sign", ""))


def status(world: World, trade: Trade) -> str:
    """Alipay's word for the state of a trade; given back in full is TRADE_CLOSED too."""
    if trade.state != "SUCCESS":
        return "WAIT_BUYER_PAY" if trade.state == "NOTPAY" else "TRADE_CLOSED"
    if given_back(world, trade) >= trade.captured:
        return "TRADE_CLOSED"
    return "TRADE_FINISHED" if world.clock.now() > trade.paid_at + refunds.YEAR_SECONDS else "TRADE_SUCCESS"


def given_back(world: World, trade: Trade) -> int:
    """Fen that went back to the buyer so far."""
    now = world.clock.now()
    return sum(refund.amount for refund in trade.refunds if refund.state(now) == "SUCCESS")


def yuan(fen: int) -> str:
    """Write fen as yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


def fen(amount: str) -> int:
    """Read yuan with two decimals as fen."""
    return int(amount.replace(".", ""))


def moment(at: float) -> str:
    """Write Beijing time as Alipay does."""
    return f"{datetime.fromtimestamp(at, tz=BEIJING):%Y-%m-%d %H:%M:%S}"
