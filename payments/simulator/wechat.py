"""WeChat Pay API v3 as a merchant meets it: signed requests in, signed answers out, encrypted notifications.

server.py routes `/v3/…` here. Source: WeChat Pay API v3, direct merchants,
public-key mode; error codes and states are the documented ones.
"""

import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from payments.simulator import bills, cashier, crypto, refunds
from payments.simulator import wechat_papers as papers
from payments.simulator.book import Refused, Trade, Why
from payments.simulator.postman import Postman
from payments.simulator.world import Answer, Request, World, as_json

FRESH_SECONDS: Final = 300
LIFETIME_SECONDS: Final = 7200  # of a payment without time_expire
NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
REFUND_NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
NOTIFY_URL: Final = re.compile(r"https?://[^?\s]{1,240}")
MOST_FEN: Final = 10**11
STAMP: Final = re.compile(r"[0-9]{1,12}")
AUTHORIZATION: Final = re.compile(r'(\w+)="([^"]*)"')
WORDS: Final[dict[Why, tuple[int, str, str]]] = {
    "absent": (404, "ORDER_NOT_EXIST", "订单不存在"),
    "paid": (400, "ORDERPAID", "该订单已支付"),
    "closed": (400, "ORDER_CLOSED", "该订单已关闭"),
    "expired": (400, "ORDER_CLOSED", "该订单已关闭"),
    "used": (403, "OUT_TRADE_NO_USED", "商户订单号重复"),
    "unpaid": (400, "INVALID_REQUEST", "订单未支付，不能退款"),
    "too_much": (400, "INVALID_REQUEST", "申请退款金额大于订单可退金额"),
    "changed": (400, "INVALID_REQUEST", "退款金额与之前请求不一致"),
    "not_enough": (403, "NOT_ENOUGH", "基本账户余额不足"),
    "finished": (400, "INVALID_REQUEST", "订单已超过可退款的最大期限"),
}


async def answer(world: World, postman: Postman, request: Request, operation: str, part: str) -> Answer:
    """Check who asks, do it, sign what we say."""
    key_id = request.headers.get("wechatpay-serial", "")
    problem = _stranger(world, request)
    if problem:
        return papers.signed(world, _error(401, "SIGN_ERROR", problem), key_id)
    try:
        done = await _do(world, postman, request, operation, part)
    except Refused as no:
        done = _error(*WORDS[no.why])
        if no.why == "absent" and operation in {"refund", "query_refund"}:
            done = _error(404, "RESOURCE_NOT_EXISTS", "查询的资源不存在")
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        done = _error(400, "PARAM_ERROR", f"参数错误: {error}")
    return papers.signed(world, done, key_id)


def download(world: World, request: Request) -> Answer:
    """Serve an offered bill to the merchant; the file itself is not signed."""
    problem = _stranger(world, request)
    return _error(401, "SIGN_ERROR", problem) if problem else bills.wechat_file(world, request)


def _stranger(world: World, request: Request) -> str:
    """Say what is wrong with a request's signature, or nothing."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    parts = dict(AUTHORIZATION.findall(rest))
    if scheme != "WECHATPAY2-SHA256-RSA2048" or len(parts) < 5:
        return "Http头Authorization格式错误"
    if (parts.get("mchid"), parts.get("serial_no")) != (world.keys.names.mchid, world.keys.names.merchant_serial_no):
        return "商户号或证书序列号错误"
    stamp = parts.get("timestamp", "")
    if not STAMP.fullmatch(stamp) or abs(time.time() - int(stamp)) > FRESH_SECONDS:
        return "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
    target = f"{request.path}?{request.raw_query}" if request.raw_query else request.path
    head = f"{request.method}\n{target}\n{stamp}\n{parts['nonce_str']}\n"
    message = head.encode() + request.body + b"\n"
    if not crypto.verifies(world.keys.wechat_merchant.public_key(), message, parts.get("signature", "")):
        return "错误的签名，验签失败"
    return ""


async def _do(world: World, postman: Postman, request: Request, operation: str, part: str) -> Answer:
    if operation == "create":
        return await _create(world, postman, request, part)
    if operation == "close":
        _own(world, _document(request)["mchid"])
        cashier.close(world, postman, world.book.find("WECHAT", part))
        return Answer(status=204, subject=part)
    if operation == "refund":
        return _refund(world, postman, _document(request))
    return _tell(world, request, operation, part)


def _tell(world: World, request: Request, operation: str, part: str) -> Answer:
    """Answer what only reads."""
    if operation in {"query", "query_by_id"}:
        _own(world, request.query["mchid"])
        trade = world.book.find("WECHAT", part) if operation == "query" else world.book.by_number("WECHAT", part)
        return _about(trade.no, as_json(papers.payment(trade)))
    if operation == "query_refund":
        trade, refund = world.book.find_refund("WECHAT", part)
        return _about(trade.no, as_json(papers.refund_told(world, trade, refund)))
    if operation == "bill":
        return bills.offer_wechat(world, request)
    return as_json(papers.certificates(world))


def _document(request: Request) -> dict[str, Any]:
    """Read a JSON object; anything else is a wrong parameter."""
    told = orjson.loads(request.body)  # stricter than json: no lone surrogates, no NaN
    if not isinstance(told, dict):
        raise TypeError("body")
    return told


async def _create(world: World, postman: Postman, request: Request, form: str) -> Answer:
    trade = world.book.open(_asked(world, _document(request), form))
    if world.faults.strikes("early", "create"):
        await postman.send_first(trade, world.book.pay(trade))
    told = {
        "native": {"code_url": f"weixin://wxpay/bizpayurl?pr={trade.token}"},
        "h5": {"h5_url": f"{request.base}/cashier/wechat/{trade.token}?package={trade.token[:10]}"},
        "jsapi": {"prepay_id": f"wx{trade.token}"},
    }
    return _about(trade.no, as_json(told[form]))


def _asked(world: World, ask: Mapping[str, Any], form: str) -> Trade:
    """Read a create request; ValueError names the field that is wrong."""
    _own(world, ask["mchid"])
    amount, payer, scene, now = ask["amount"], ask.get("payer") or {}, ask.get("scene_info") or {}, world.clock.now()
    expires = ask.get("time_expire")
    expires_at = _moment(expires) if expires else now + LIFETIME_SECONDS
    wrong = {
        "appid": ask["appid"] != world.keys.names.appid,
        "out_trade_no": not NUMBER.fullmatch(ask["out_trade_no"]),
        "amount.total": not _is_amount(amount["total"]),
        "amount.currency": amount.get("currency", "CNY") != "CNY",
        "description": not 1 <= len(_text(ask["description"])) <= 127,
        "notify_url": not NOTIFY_URL.fullmatch(ask["notify_url"]),
        "time_expire": expires_at <= now,
        "payer.openid": form == "jsapi" and not 1 <= len(_text(payer.get("openid", ""))) <= 128,
        "scene_info.payer_client_ip": form == "h5" and not _text(scene.get("payer_client_ip", "")),
        "scene_info.h5_info.type": form == "h5" and not _text(scene.get("h5_info", {}).get("type", "")),
    }
    if any(wrong.values()):
        raise ValueError(", ".join(field for field, is_wrong in wrong.items() if is_wrong))
    return Trade(
        gateway="WECHAT",
        no=ask["out_trade_no"],
        merchant=ask["mchid"],
        app=ask["appid"],
        amount=amount["total"],
        currency="CNY",
        subject=ask["description"],
        form=form,
        notify_url=ask["notify_url"],
        return_url="",
        openid=payer["openid"] if form == "jsapi" else "",
        created_at=now,
        expires_at=expires_at,
    )


def _refund(world: World, postman: Postman, ask: Mapping[str, Any]) -> Answer:
    if ask.get("transaction_id"):
        trade = world.book.by_number("WECHAT", ask["transaction_id"])
    else:
        trade = world.book.find("WECHAT", ask["out_trade_no"])
    amount, no, notify_url = ask["amount"], ask["out_refund_no"], ask.get("notify_url", "")
    wrong = {
        "out_refund_no": not REFUND_NUMBER.fullmatch(no),
        "amount.refund": not _is_amount(amount["refund"]),
        "amount.currency": amount["currency"] != "CNY",
        "reason": len(_text(ask.get("reason", ""))) > 80,
        "notify_url": bool(notify_url) and not NOTIFY_URL.fullmatch(notify_url),
    }
    if any(wrong.values()):
        raise ValueError(", ".join(field for field, is_wrong in wrong.items() if is_wrong))
    if trade.state == "SUCCESS" and amount["total"] != trade.captured:
        raise Refused("changed")
    refund, _ = refunds.ask(world, postman, trade, no, amount["refund"], ask.get("reason", ""), notify_url)
    return _about(trade.no, as_json(papers.refund_told(world, trade, refund)))


def _moment(told: str) -> float:
    """Read a moment with its offset; without one nobody knows which moment it is."""
    moment = datetime.fromisoformat(told)
    if moment.tzinfo is None:
        raise ValueError("time_expire")
    return moment.timestamp()


def _is_amount(fen: object) -> bool:
    return type(fen) is int and 0 < fen <= MOST_FEN


def _text(told: object) -> str:
    if not isinstance(told, str):
        raise TypeError("a text is expected")
    return told


def _own(world: World, mchid: str) -> None:
    if mchid != world.keys.names.mchid:
        raise ValueError("mchid")


def _about(no: str, done: Answer) -> Answer:
    done.subject = no
    return done


def _error(status: int, code: str, words: str) -> Answer:
    return as_json({"code": code, "message": words}, status)
