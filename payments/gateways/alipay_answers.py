"""What Alipay's documents say, read into the port's shapes; alipay.py calls it for answers and notifications.

A document that cannot be read raises ValueError, KeyError or TypeError.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from payments.gateways.base import RefundSeen, Seen, TradeState

BEIJING: Final = timezone(timedelta(hours=8))
YUAN: Final = re.compile(r"\d{1,9}\.\d{2}")
STATES: Final[dict[str, TradeState]] = {
    "WAIT_BUYER_PAY": "NOTPAY",
    "TRADE_SUCCESS": "SUCCESS",
    "TRADE_FINISHED": "SUCCESS",
    "TRADE_CLOSED": "CLOSED",
}


def payment(told: Mapping[str, Any], merchant_account: str, *, paid: str) -> Seen:
    """Read a payment; `paid` names the field of the moment (send_pay_date in answers, gmt_payment in notifications).

    TRADE_CLOSED means "never paid" or "given back in full": only a paid trade has that moment.
    """
    state = STATES[told["trade_status"]]
    if state == "CLOSED" and told.get(paid):
        state = "REFUNDED"
    is_paid = state in {"SUCCESS", "REFUNDED"}
    return Seen(
        out_trade_no=told["out_trade_no"],
        state=state,
        gateway_txn_no=told["trade_no"] if is_paid else "",
        amount_minor=fen(told["total_amount"]) if is_paid or told.get("total_amount") else None,
        paid_at=moment(told.get(paid)),
        merchant_account=merchant_account,
        raw=told,
    )


def refund(told: Mapping[str, Any], out_refund_no: str, merchant_account: str, *, amount: str | None) -> RefundSeen:
    """Read a refund that happened. Alipay knows it by our number only; None when `amount` is not told."""
    return RefundSeen(
        out_trade_no=told["out_trade_no"],
        out_refund_no=out_refund_no,
        state="SUCCESS",
        gateway_refund_no=out_refund_no,
        amount_minor=fen(amount) if amount else None,
        refunded_at=moment(told.get("gmt_refund_pay") or told.get("gmt_refund")),
        merchant_account=merchant_account,
        raw=told,
    )


def yuan(amount_minor: int) -> str:
    """Write 1234 fen as "12.34"."""
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"


def fen(amount: str) -> int:
    """Read "12.34" as 1234; anything but two decimals raises ValueError."""
    if not YUAN.fullmatch(amount):
        message = f"{amount[:20]!r} is no amount with two decimals"
        raise ValueError(message)
    return int(amount.replace(".", ""))


def moment(text: str | None) -> datetime | None:
    """Read Beijing time, with or without milliseconds, as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC) if text else None
