"""Writing down what a gateway says of a refund, once and forward only. Called by everything that hears a gateway."""

import logging
from dataclasses import replace
from typing import Any

from django.db import transaction

from config.ground import clock
from orders import services as orders
from orders.actors import GATEWAY, Actor
from orders.models import Order
from orders.order import road
from payments import differences, ledger, matching
from payments.differences import Found
from payments.gateways.base import RefundSeen
from payments.models import Attempt, Difference, Disposition, InboxEntry, Refund

State = Refund.State

logger = logging.getLogger(__name__)


@transaction.atomic(durable=True)
def record_refund(seen: RefundSeen, entry: InboxEntry | None = None) -> Refund | None:
    """Write down what a gateway says of one refund. Safe to repeat; nothing leads back from SUCCESS.

    None: the refund is not ours, which becomes a Difference.
    """
    row = (
        Refund.objects.filter(out_refund_no=seen.out_refund_no)
        .values_list("pk", "attempt_id", "attempt__order__public_id")
        .first()
    )
    if row is None:
        went_back = seen.state == "SUCCESS"
        kind = Difference.Kind.REFUND_ONLY_GATEWAY if went_back else Difference.Kind.REFUND_STATE
        attempt = Attempt.objects.filter(out_trade_no=seen.out_trade_no).select_related("order").first()
        differs(kind, seen.out_refund_no, (None, seen.amount_minor), attempt, **_told(seen))
        return None
    order = road.locked(row[2])
    attempt = Attempt.objects.select_for_update(no_key=True).get(pk=row[1])
    refund = Refund.objects.select_for_update(no_key=True).get(pk=row[0])
    if entry is not None:
        InboxEntry.objects.filter(pk=entry.pk, processed_at__isnull=True).update(processed_at=clock.now())
    if refund.state == State.SUCCESS:
        if seen.state == "SUCCESS" and _went_otherwise(refund, seen):  # and now here too
            kind = Difference.Kind.REFUND_STATE
            differs(kind, seen.out_refund_no, (refund.amount_minor, seen.amount_minor), attempt, **_told(seen))
        return refund
    if seen.out_trade_no != attempt.out_trade_no or seen.amount_minor not in {None, refund.amount_minor}:
        kind = Difference.Kind.REFUND_AMOUNT
        differs(kind, seen.out_refund_no, (refund.amount_minor, seen.amount_minor), attempt, **_told(seen))
        return refund
    _take(refund, attempt, order, seen)
    return refund


def _went_otherwise(refund: Refund, seen: RefundSeen) -> bool:
    """Whether it went back by another road than the one that `seen` tells of: by hand, or by the gateway's console."""
    known, told = refund.gateway_refund_no, seen.gateway_refund_no
    return bool(refund.way or (refund.found_by and known and told and told != known))


def _told(seen: RefundSeen) -> dict[str, str]:
    """What the gateway said, for whoever decides about it."""
    at = {"at": seen.refunded_at.isoformat()} if seen.refunded_at else {}
    return {"outTradeNo": seen.out_trade_no, "gatewayRefundNo": seen.gateway_refund_no, "state": seen.state, **at}


def _take(refund: Refund, attempt: Attempt, order: Order, seen: RefundSeen) -> None:
    refund.gateway_refund_no = seen.gateway_refund_no or refund.gateway_refund_no
    refund.last_error, refund.refusals, refund.faults = "", 0, 0
    refund.set_aside_at, refund.set_aside_why = None, ""
    if seen.state == "SUCCESS":
        refund.succeeded_at = seen.refunded_at or clock.now()
        returned(refund, attempt, order, GATEWAY)
    elif seen.state == "PROCESSING":
        _accepted(refund, order)
    elif seen.state == "ABSENT":
        refund.state = State.UNKNOWN  # asked for again under the same number
        refund.save()
    else:
        stuck(refund, order, State.ABNORMAL if seen.state == "ABNORMAL" else State.FAILED)


def returned(refund: Refund, attempt: Attempt, order: Order, actor: Actor) -> None:
    """The money is back at `refund.succeeded_at`: refund, attempt, order, ledger and event; all three rows locked."""
    refund.state, refund.next_try_at = State.SUCCESS, None
    refund.save()
    attempt.refunded_minor += refund.amount_minor
    attempt.save(update_fields=["refunded_minor"])
    if attempt.disposition == Disposition.APPLIED:
        orders.record_return(order.public_id, amount_minor=refund.amount_minor, actor=actor)
    else:  # late, double or mismatched money never touches the order's payment status
        tell(order, "refund.succeeded", refund, actor)
    ledger.book_refund(refund, attempt, order)
    _explain_waiting(refund)


def _explain_waiting(refund: Refund) -> None:
    """That it had not gone back is over; should it go back once more, that is news again."""
    kind, subject = Difference.Kind.REFUND_STATE, f"refund:{refund.out_refund_no}"
    for difference in Difference.objects.filter(kind=kind, subject=subject, state__in=Difference.UNDECIDED):
        differences.repaired(difference, "it went back")


def _accepted(refund: Refund, order: Order) -> None:
    is_news = refund.state != State.PROCESSING
    refund.state = State.PROCESSING
    refund.accepted_at = refund.accepted_at or clock.now()
    refund.next_try_at = clock.now() + matching.refund_pause(refund.tries or 1)
    refund.save()
    if is_news:
        tell(order, "refund.processing", refund, GATEWAY)


def stuck(refund: Refund, order: Order, state: Refund.State) -> None:
    """Nothing more is tried by itself: a person has to look."""
    is_news = refund.state != state
    refund.state, refund.next_try_at = state, None
    refund.save()
    if is_news:
        logger.error("refund %s needs a person: %s", refund, refund.last_error or state)
        tell(order, "refund.abnormal", refund, GATEWAY)


def tell(order: Order, type_: str, refund: Refund, actor: Actor) -> None:
    """One line on the order's time line; pages fetch their panel of money again, at the end what they say of it too."""
    panels = ["hero", "money"] if type_ == "refund.succeeded" else ["money"]
    data = {"amountMinor": refund.amount_minor, "reason": refund.reason, "reload": panels}
    orders.note(order.public_id, type_, data, actor=actor)


def differs(
    kind: Difference.Kind, number: str, amounts: tuple[int | None, int | None], attempt: Attempt | None, **facts: Any
) -> None:
    """Put a refund on which books and gateway disagree before support, once while it is undecided.

    `amounts` are ours and theirs; `channel` among the facts names the gateway where the payment is not known.
    """
    ours, theirs = amounts
    channel = facts.pop("channel", "") or (attempt.channel if attempt is not None else "")
    found = Found(kind=kind, subject=f"refund:{number}", channel=channel, ours_minor=ours, theirs_minor=theirs)
    order_ref = attempt.order.public_id if attempt is not None else ""
    differences.report(replace(found, order_ref=order_ref, facts=facts))
