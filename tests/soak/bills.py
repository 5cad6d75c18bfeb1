"""The gateways' bills: read by the product's hourly check, then line by line without it; audit.py calls it."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final, NamedTuple

from payments import reconcile
from payments.gateways import GATEWAYS
from payments.gateways.base import BillLine, Definitive, GatewayError
from payments.models import Attempt, Bill, Difference, Refund

TRIES = 6
CHANNELS: Final = ("WECHAT", "ALIPAY")


class Row(NamedTuple):
    """One movement of money: `refund` is empty for a payment."""

    channel: str
    trade: str
    refund: str
    amount_minor: int


def read(days: list[date]) -> tuple[str, bool, str]:
    """Let the hourly check run until it has compared the bills of these days."""
    for _try in range(TRIES):
        reconcile.reconcile()
        compared = Bill.objects.filter(day__in=days, state=Bill.State.COMPARED).count()
        if compared == len(days) * len(CHANNELS):
            break
    told = [f"{bill}: {bill.why}" for bill in Bill.objects.filter(day__in=days).exclude(state=Bill.State.COMPARED)]
    return "every bill was read", not told, ", ".join(told[:4]) or f"{compared} bills"


def undecided() -> tuple[str, bool, str]:
    """Whether anything is left for a person to decide."""
    rows = [f"{row} {row.facts}" for row in Difference.objects.filter(state__in=Difference.UNDECIDED)]
    repaired = Difference.objects.filter(state=Difference.State.AUTO_FIXED).count()
    return "no difference is left", not rows, ", ".join(rows[:4]) or f"{repaired} repaired by themselves"


def compare(days: list[date]) -> tuple[str, bool, str]:
    """Whether both sides have the same rows."""
    theirs = {_row(channel, line) for channel in CHANNELS for day in days for line in _lines(channel, day)}
    ours = set(_ours())
    wrong = [f"only theirs {row[1:]}" for row in sorted(theirs - ours)]
    wrong += [f"only ours {row[1:]}" for row in sorted(ours - theirs)]
    figures = f"{len(theirs)} lines of {len(days)} days" if not wrong else f"{len(wrong)}: " + ", ".join(wrong[:4])
    return "the bills equal our records", not wrong, figures


def _lines(channel: Any, day: date) -> tuple[BillLine, ...]:
    """A bill is asked for again when the gateway does not answer; a day without any movement has none."""
    for _try in range(TRIES):
        try:
            return tuple(GATEWAYS[channel].fetch_bill(day).lines)
        except Definitive:
            return ()
        except GatewayError as error:
            last = error
    raise last


def _row(channel: str, line: BillLine) -> Row:
    return Row(channel, line.out_trade_no, line.out_refund_no, line.amount_minor)


def _ours() -> Iterator[Row]:
    online = Attempt.objects.exclude(channel="CASH").filter(paid_minor__isnull=False)
    for channel, trade, paid in online.values_list("channel", "out_trade_no", "paid_minor"):
        yield Row(channel, trade, "", paid or 0)
    back = Refund.objects.filter(state="SUCCESS").exclude(attempt__channel="CASH")
    rows = back.values_list("attempt__channel", "attempt__out_trade_no", "out_refund_no", "amount_minor")
    for channel, trade, refund, amount in rows:
        yield Row(channel, trade, refund, amount)
