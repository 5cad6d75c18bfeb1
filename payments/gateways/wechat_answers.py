"""What WeChat Pay's documents say, read into the port's shapes; wechat.py calls it for answers and notifications.

A document that cannot be read raises ValueError, KeyError or TypeError: the caller knows whether that means
a forgery or an answer nobody understood.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from payments.gateways.base import Definitive, Misconfigured, RefundSeen, RefundState, Seen, TradeState

ABSENT: Final = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"})
TRADE_STATES: Final[dict[str, TradeState]] = {
    "NOTPAY": "NOTPAY",
    "PAYERROR": "NOTPAY",
    "USERPAYING": "PROCESSING",
    "SUCCESS": "SUCCESS",
    "REFUND": "REFUNDED",
    "CLOSED": "CLOSED",
    "REVOKED": "CLOSED",
}
REFUND_STATES: Final[dict[str, RefundState]] = {
    "SUCCESS": "SUCCESS",
    "PROCESSING": "PROCESSING",
    "ABNORMAL": "ABNORMAL",
    "CLOSED": "CLOSED",
}


def payment(told: Mapping[str, Any]) -> Seen:
    """Read a payment. Money states must carry a number and a positive whole amount."""
    state = TRADE_STATES[told["trade_state"]]
    amount = told.get("amount") or {}
    total = amount.get("total")  # payer_total is less when WeChat's own coupon paid a part
    if state in {"SUCCESS", "REFUNDED"}:
        _whole(total)
        if not told["transaction_id"]:
            raise ValueError("a paid trade without a number")
    return Seen(
        out_trade_no=told["out_trade_no"],
        state=state,
        gateway_txn_no=told.get("transaction_id", ""),
        amount_minor=total,
        currency=_currency(amount),
        paid_at=_moment(told.get("success_time")),
        merchant_account=told["mchid"],
        raw=told,
    )


def refund(told: Mapping[str, Any], status: str, merchant_account: str) -> RefundSeen:
    """Read a refund; its state stands in `status` in answers and in `refund_status` in notifications."""
    return RefundSeen(
        out_trade_no=told["out_trade_no"],
        out_refund_no=told["out_refund_no"],
        state=REFUND_STATES[told[status]],
        gateway_refund_no=told.get("refund_id", ""),
        amount_minor=_whole(told["amount"]["refund"]),
        currency=_currency(told["amount"]),
        refunded_at=_moment(told.get("success_time")),
        merchant_account=merchant_account,
        raw=told,
    )


def refusal(status: int, body: bytes) -> Definitive | Misconfigured:
    """Read an error document: 401 is about our keys, everything else is a no."""
    try:
        told = json.loads(body)
        code, words = str(told["code"]), str(told.get("message", ""))
    except (ValueError, KeyError, TypeError):
        code, words = f"HTTP_{status}", body[:200].decode(errors="replace")
    if status == 401:
        return Misconfigured(f"WeChat Pay does not accept our signature: {code} {words}")
    return Definitive(code, words)


def _whole(amount: object) -> int:
    if type(amount) is not int or amount <= 0:
        message = f"{amount!r} is no amount"
        raise ValueError(message)
    return amount


def _currency(amount: Mapping[str, Any]) -> str:
    code = amount.get("currency", "CNY")
    if not re.fullmatch("[A-Z]{3}", code):
        message = f"{code!r} is no currency"
        raise ValueError(message)
    return str(code)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
