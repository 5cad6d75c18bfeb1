"""Alipay's gateway.do as a merchant meets it: signed parameters in, a signed inner object out.

server.py routes here. Page payments come as the buyer's browser and lead on to the cashier: until then Alipay does
not know the trade. Source: Alipay Open Platform, alipay.trade.* version 1.0; codes are the documented ones.
"""

import re
import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import orjson

from payments.simulator import alipay_papers as papers
from payments.simulator import bills, cashier, refunds
from payments.simulator.book import Refused, Trade, Why
from payments.simulator.postman import Postman
from payments.simulator.world import Answer, Request, World, go_to

OPERATIONS: Final = {
    "alipay.trade.page.pay": "create",
    "alipay.trade.wap.pay": "create",
    "alipay.trade.precreate": "create",
    "alipay.trade.query": "query",
    "alipay.trade.close": "close",
    "alipay.trade.refund": "refund",
    "alipay.trade.fastpay.refund.query": "query_refund",
    "alipay.data.dataservice.bill.downloadurl.query": "bill",
}
FORMS: Final = {"alipay.trade.page.pay": "page", "alipay.trade.wap.pay": "wap", "alipay.trade.precreate": "qr"}
LIFETIME_SECONDS: Final = 15 * 86400  # of a payment without time_expire
FRESH_SECONDS: Final = 600
YUAN: Final = re.compile(r"\d{1,9}\.\d{2}")
NUMBER: Final = re.compile(r"[0-9A-Za-z_]{1,64}")
REQUIRED: Final = ("method", "app_id", "sign_type", "sign", "timestamp", "version", "charset")
MISSING: Final = {"app_id": "app-id", "sign_type": "signature-type", "sign": "signature"}
MESSAGES: Final = {"40001": "Missing Required Arguments", "40002": "Invalid Arguments"}
WORDS: Final[dict[Why, tuple[str, str]]] = {
    "absent": ("ACQ.TRADE_NOT_EXIST", "交易不存在"),
    "paid": ("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"),
    "closed": ("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    "expired": ("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    "used": ("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"),
    "unpaid": ("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"),
    "too_much": ("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限"),
    "changed": ("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求"),
    "not_enough": ("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足"),
    "finished": ("ACQ.TRADE_HAS_FINISHED", "交易已完结"),
}


class Bad(Exception):
    """A request Alipay does not even look into; sub_code and words."""

    def __init__(self, sub_code: str, words: str, code: str = "40002") -> None:
        super().__init__(sub_code)
        self.code = code
        self.sub_code = sub_code
        self.words = words


async def answer(world: World, postman: Postman, request: Request) -> Answer:
    """Check who asks, do it, sign what we say."""
    params = {**request.query, **(request.form if request.method == "POST" else {})}
    method = params.get("method", "")
    try:
        _check(world, params)
        return await _do(world, postman, request, params, _content(params))
    except Bad as bad:
        told = {"code": bad.code, "msg": MESSAGES[bad.code], "sub_code": bad.sub_code, "sub_msg": bad.words}
    except Refused as no:
        sub_code, words = WORDS[no.why]
        if method == "alipay.trade.close" and no.why != "absent":
            sub_code, words = "ACQ.TRADE_STATUS_ERROR", "交易状态不合法"
        told = {"code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": words}
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        words = f"参数有误: {error}"
        told = {"code": "40004", "msg": "Business Failed", "sub_code": "ACQ.INVALID_PARAMETER", "sub_msg": words}
    return papers.signed(world, method or "error", told)


def operation(params: Mapping[str, str]) -> str:
    """Name the operation of a request, for faults and log."""
    return OPERATIONS.get(params.get("method", ""), "unknown")


def _check(world: World, params: Mapping[str, str]) -> None:
    for name in REQUIRED:
        if not params.get(name):
            raise Bad(f"isv.missing-{MISSING.get(name, name)}", f"缺少{name}参数", "40001")
    if params["method"] not in OPERATIONS:
        raise Bad("isv.invalid-method", "不存在的方法名")
    if params["app_id"] != world.keys.names.app_id:
        raise Bad("isv.invalid-app-id", "无效的AppID参数")
    if params["sign_type"] != "RSA2" or not papers.is_from_merchant(world.keys.alipay_merchant, params):
        raise Bad("isv.invalid-signature", "验签出错")
    try:
        sent = datetime.strptime(params["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=papers.BEIJING)
    except ValueError as error:
        raise Bad("isv.invalid-timestamp", "非法的时间戳参数") from error
    browser = FORMS.get(params["method"]) in {"page", "wap"}  # a buyer may open a signed address later
    if not browser and abs(time.time() - sent.timestamp()) > FRESH_SECONDS:
        raise Bad("isv.invalid-timestamp", "非法的时间戳参数")


def _content(params: Mapping[str, str]) -> dict[str, Any]:
    told = orjson.loads(params.get("biz_content", ""))  # stricter than json: no lone surrogates, no NaN
    if not isinstance(told, dict):
        raise TypeError("biz_content")
    return told


async def _do(
    world: World, postman: Postman, request: Request, params: Mapping[str, str], content: Mapping[str, Any]
) -> Answer:
    method = params["method"]
    if OPERATIONS[method] == "create":
        return await _create(world, postman, params, content)
    if OPERATIONS[method] == "bill":
        return _bill(world, request, method, content)
    trade = _meant(world, content)
    told: dict[str, Any] = {"code": "10000", "msg": "Success", "trade_no": trade.txn_no, "out_trade_no": trade.no}
    if OPERATIONS[method] == "query":
        told |= _payment(world, trade)
    elif OPERATIONS[method] == "close":
        cashier.close(world, postman, trade)
    elif OPERATIONS[method] == "refund":
        told |= _refund(world, postman, trade, content)
    else:
        told |= _refund_told(world, trade, content)
    return papers.signed(world, method, {key: value for key, value in told.items() if value != ""}, trade.no)


def _meant(world: World, content: Mapping[str, Any]) -> Trade:
    """Find the trade by Alipay's own number, else by the merchant's; unknown until the buyer opened it."""
    if content.get("trade_no"):
        return world.book.by_number("ALIPAY", content["trade_no"])
    trade = world.book.find("ALIPAY", content["out_trade_no"])
    if not trade.was_opened:
        raise Refused("absent")
    return trade


async def _create(world: World, postman: Postman, params: Mapping[str, str], content: Mapping[str, Any]) -> Answer:
    trade = _asked(world, params, content)
    if trade.form != "qr":
        try:
            trade = world.book.open(trade)
        except Refused as no:
            if no.why == "used":
                raise
            trade = world.book.find("ALIPAY", trade.no)  # the cashier shows what became of it
        back = go_to(f"/cashier/alipay/{trade.token}")
        back.subject = trade.no
        return back
    trade = world.book.open(trade)
    if world.faults.strikes("early", "create"):
        await postman.send_first(trade, world.book.pay(trade))
    told = {
        "code": "10000",
        "msg": "Success",
        "out_trade_no": trade.no,
        "qr_code": f"https://qr.alipay.com/{trade.token}",
    }
    return papers.signed(world, params["method"], told, trade.no)


def _asked(world: World, params: Mapping[str, str], content: Mapping[str, Any]) -> Trade:
    """Read a create request; ValueError names the field that is wrong."""
    now, amount, expires = world.clock.now(), content["total_amount"], content.get("time_expire")
    wrong = {
        "out_trade_no": not NUMBER.fullmatch(content["out_trade_no"]),
        "total_amount": not (isinstance(amount, str) and YUAN.fullmatch(amount)) or float(amount) <= 0,
        "subject": not 1 <= len(content["subject"]) <= 256 or bool(set("/=&") & set(content["subject"])),
        "notify_url": not re.fullmatch(r"https?://[^?\s]{1,240}", params.get("notify_url", "")),
        "return_url": not re.fullmatch(r"(https?://[!-~]{1,240})?", params.get("return_url", "")),
    }
    if any(wrong.values()):
        raise ValueError(", ".join(field for field, is_wrong in wrong.items() if is_wrong))
    if expires:
        expires_at = datetime.strptime(expires, "%Y-%m-%d %H:%M:%S").replace(tzinfo=papers.BEIJING).timestamp()
    else:
        expires_at = now + LIFETIME_SECONDS
    return Trade(
        gateway="ALIPAY",
        no=content["out_trade_no"],
        merchant=world.keys.names.seller_id,
        app=params["app_id"],
        amount=papers.fen(amount),
        currency="CNY",
        subject=content["subject"],
        form=FORMS[params["method"]],
        notify_url=params["notify_url"],
        return_url=params.get("return_url", "") if FORMS[params["method"]] != "qr" else "",
        created_at=now,
        expires_at=expires_at,
        was_opened=FORMS[params["method"]] != "qr",
    )


def _payment(world: World, trade: Trade) -> dict[str, str]:
    told = {
        "trade_status": papers.status(world, trade),
        "total_amount": papers.yuan(trade.captured or trade.amount),
        "subject": trade.subject,
        "buyer_logon_id": papers.BUYER_LOGIN,
        "buyer_user_id": papers.BUYER,
    }
    if trade.state != "SUCCESS":
        return told
    return {
        **told,
        "send_pay_date": papers.moment(trade.paid_at),
        "receipt_amount": told["total_amount"],
        "buyer_pay_amount": papers.yuan(trade.captured - trade.coupon),
        "point_amount": "0.00",
        "invoice_amount": papers.yuan(trade.captured - trade.coupon),
    }


def _refund(world: World, postman: Postman, trade: Trade, content: Mapping[str, Any]) -> dict[str, str]:
    amount = content["refund_amount"]
    if not isinstance(amount, str) or not YUAN.fullmatch(amount):
        raise ValueError("refund_amount")
    fen, no = papers.fen(amount), content.get("out_request_no") or trade.no  # without one: the whole, once
    if no == trade.no and fen != trade.captured and trade.state == "SUCCESS":
        raise Refused("too_much")
    if not NUMBER.fullmatch(no):
        raise ValueError("out_request_no")
    refund, is_new = refunds.ask(world, postman, trade, no, fen, str(content.get("refund_reason", "")))
    is_moved = is_new and refund.state(world.clock.now()) == "SUCCESS"
    told = {
        "fund_change": "Y" if is_moved else "N",
        "refund_fee": papers.yuan(papers.given_back(world, trade)),
        "buyer_logon_id": papers.BUYER_LOGIN,
    }
    return {**told, "gmt_refund_pay": papers.moment(refund.done_at)} if is_moved else told


def _refund_told(world: World, trade: Trade, content: Mapping[str, Any]) -> dict[str, str]:
    refund = trade.find_refund(content["out_request_no"])
    if refund is None or refund.state(world.clock.now()) != "SUCCESS":
        return {}  # as Alipay does: success, and nothing about a refund
    told = {
        "out_request_no": refund.no,
        "refund_status": "REFUND_SUCCESS",
        "refund_amount": papers.yuan(refund.amount),
        "total_amount": papers.yuan(trade.captured),
    }
    is_asked = "gmt_refund_pay" in (content.get("query_options") or ())
    return {**told, "gmt_refund_pay": papers.moment(refund.done_at)} if is_asked else told


def _bill(world: World, request: Request, method: str, content: Mapping[str, Any]) -> Answer:
    url = bills.offer_alipay(world, request, date.fromisoformat(content["bill_date"]))
    if not url:
        told = {"code": "40004", "msg": "Business Failed", "sub_code": "isp.bill_not_exist", "sub_msg": "账单不存在"}
        return papers.signed(world, method, told)
    return papers.signed(world, method, {"code": "10000", "msg": "Success", "bill_download_url": url})
