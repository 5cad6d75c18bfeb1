"""Refunds that somebody made at the gateway's own console: found in a notification, a query or a bill, and booked."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from orders.actors import GATEWAY
from orders.models import Order
from orders.order import road
from payments import differences
from payments.gateways.base import RefundSeen
from payments.models import Attempt, Difference, InboxEntry, Refund
from payments.refunds.recording import differs, record_refund, returned

Kind = Difference.Kind
LONGEST = 64  # characters of a gateway's number


class _Told(NamedTuple):
    """One refund as the gateway tells of it."""

    number: str
    gateway_no: str
    amount_minor: int
    at: datetime
    source: str


def adopt(
    channel: str,
    out_trade_no: str,
    *,
    out_refund_no: str,
    gateway_refund_no: str,
    amount_minor: int,
    at: datetime,
    source: str,
) -> Refund | None:
    """Book a refund that a gateway tells of; call it outside transactions. Safe to repeat, at once and in any order.

    One that we asked for is recorded as SUCCESS. One that we did not becomes a Refund of reason MANUAL in SUCCESS:
    reserved and returned on the payment, the order, the ledger, one event `refund.succeeded`. `source` is where we
    learned of it: NOTIFY, QUERY, BILL or MANUAL. None, and an open Difference REFUND_ONLY_GATEWAY: the payment is not
    ours, not applied yet (then call it again later), or has less left than that.
    """
    number = (out_refund_no or gateway_refund_no)[:LONGEST]
    known = _known(channel, out_trade_no, number, gateway_refund_no)
    if known is None:
        known = _adopt(channel, out_trade_no, number, gateway_refund_no, amount_minor, at, source)
    if known is None or known.state == Refund.State.SUCCESS:
        return known
    seen = RefundSeen(
        out_trade_no=out_trade_no,
        out_refund_no=known.out_refund_no,
        state="SUCCESS",
        gateway_refund_no=gateway_refund_no,
        amount_minor=amount_minor,
        refunded_at=at,
        merchant_account=known.attempt.merchant_account,
    )
    return record_refund(seen)


def _known(channel: str, out_trade_no: str, number: str, gateway_refund_no: str) -> Refund | None:
    """The refund of this payment that has one of both numbers, asked for by us or adopted before."""
    rows = Refund.objects.filter(attempt__channel=channel, attempt__out_trade_no=out_trade_no)
    rows = rows.select_related("attempt")
    known = rows.filter(out_refund_no=number).first()
    if known is None and (theirs := gateway_refund_no or number):
        known = rows.filter(gateway_refund_no=theirs).first()
    return known


@transaction.atomic(durable=True)
def _adopt(
    channel: str, out_trade_no: str, number: str, gateway_refund_no: str, amount_minor: int, at: datetime, source: str
) -> Refund | None:
    attempts = Attempt.objects.filter(channel=channel, out_trade_no=out_trade_no, applied_at__isnull=False)
    row = attempts.values_list("pk", "order__public_id").first()
    told: dict[str, Any] = {
        "outTradeNo": out_trade_no,
        "gatewayRefundNo": gateway_refund_no,
        "at": at.isoformat(),
        "source": source,
    }
    if row is None or not number:
        waiting = Attempt.objects.filter(channel=channel, out_trade_no=out_trade_no).select_related("order").first()
        differs(
            Kind.REFUND_ONLY_GATEWAY, number or out_trade_no, (None, amount_minor), waiting, channel=channel, **told
        )
        return None
    order = road.locked(row[1])
    attempt = Attempt.objects.select_for_update(no_key=True).get(pk=row[0])
    known = _known(channel, out_trade_no, number, gateway_refund_no)  # a twin was faster
    if known is not None:
        return known
    booked = _book(attempt, order, _Told(number, gateway_refund_no[:LONGEST], amount_minor, at, source))
    if booked is None:
        told |= {"leftMinor": attempt.left_minor}
        differs(Kind.REFUND_ONLY_GATEWAY, number, (None, amount_minor), attempt, **told)
    return booked


def adopt_waiting(attempt: Attempt, order: Order) -> None:
    """Book what the gateway told of this payment's refunds before we knew that it was paid.

    Called when its money is applied, inside that transaction: what went back already is not returned once more.
    """
    waiting = Difference.objects.filter(
        kind=Kind.REFUND_ONLY_GATEWAY,
        state__in=Difference.UNDECIDED,
        channel=attempt.channel,
        facts__outTradeNo=attempt.out_trade_no,
        theirs_minor__isnull=False,
    )
    for difference in waiting.exclude(subject__contains="#").order_by("pk"):  # a line that a bill repeats is a person's
        number, facts = difference.subject.removeprefix("refund:"), difference.facts
        gateway_no = facts.get("gatewayRefundNo", "")[:LONGEST]
        at = datetime.fromisoformat(facts["at"]) if "at" in facts else difference.found_at
        told = _Told(number, gateway_no, difference.theirs_minor or 0, at, facts.get("source", "NOTIFY"))
        if _known(attempt.channel, attempt.out_trade_no, number, gateway_no) is None:
            _book(attempt, order, told)


def _book(attempt: Attempt, order: Order, told: _Told) -> Refund | None:
    """Write down that it went back; None when the payment has less left, or the number is another payment's."""
    if told.amount_minor <= 0 or Refund.objects.filter(out_refund_no=told.number).exists():
        return None
    if told.amount_minor > attempt.left_minor:
        return _take_over(attempt, order, told)
    attempt.refund_reserved_minor += told.amount_minor
    attempt.save(update_fields=["refund_reserved_minor"])
    refund = Refund.objects.create(
        attempt=attempt,
        out_refund_no=told.number,
        gateway_refund_no=told.gateway_no,
        idempotency_key=f"console:{attempt.channel}:{told.number}"[:80],
        amount_minor=told.amount_minor,
        reason=Refund.Reason.MANUAL,
        actor=GATEWAY.role,
        found_by=InboxEntry.Source(told.source),
        requested_at=told.at,
        accepted_at=told.at,
        next_try_at=None,
    )
    refund.succeeded_at = told.at
    returned(refund, attempt, order, GATEWAY)
    _settle_difference(told.number)
    return refund


def _take_over(attempt: Attempt, order: Order, told: _Told) -> Refund | None:
    """End one of ours that the gateway refused for good: the console returned that very amount in its place."""
    rows = Refund.objects.select_for_update(no_key=True)
    refund = rows.filter(attempt=attempt, state=Refund.State.FAILED, amount_minor=told.amount_minor).first()
    if refund is None:
        return None
    refund.gateway_refund_no = told.gateway_no or told.number  # by which it is known again
    refund.found_by = InboxEntry.Source(told.source)
    refund.succeeded_at, refund.last_error = told.at, ""
    returned(refund, attempt, order, GATEWAY)
    _settle_difference(told.number)
    return refund


def _settle_difference(number: str) -> None:
    """What stood open because it could not be booked then is repaired."""
    waiting = Difference.objects.filter(
        kind=Kind.REFUND_ONLY_GATEWAY, subject=f"refund:{number}", state__in=Difference.UNDECIDED
    )
    for difference in waiting:
        differences.repaired(difference, "booked as the gateway told it")
