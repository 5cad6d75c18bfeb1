"""How money becomes true: `record_fact` keeps what the gateway knows, `apply` gives it to the order or back.

Two short transactions on purpose: a fact must never be lost because its effect failed. Callbacks, queries and the
clock's rounds all come through here; whatever crashes between the two is repaired by `apply_unapplied`.
"""

import logging
from datetime import timedelta, timezone

from django.db import transaction

from config.ground import clock
from orders import services as orders
from orders.actors import GATEWAY, SYSTEM, Actor
from orders.models import Order
from orders.order import road
from orders.services.refusals import KeysShort
from payments import differences, ledger, matching, refunds
from payments.differences import Found
from payments.gateways.base import Seen
from payments.models import Attempt, Difference, Disposition, InboxEntry

SHANGHAI = timezone(timedelta(hours=8))  # the gateways' bills are cut at midnight there
CLOSING_SECONDS = 15  # whoever marks an attempt CLOSING has so long to close it before the clock does
MONEY = frozenset({"SUCCESS", "REFUNDED"})
State = Attempt.State
NOTES = {
    Disposition.LATE: "payment.late",
    Disposition.DUPLICATE: "payment.duplicate",
    Disposition.MISMATCH: "payment.mismatch",
    Disposition.UNFULFILLABLE: "payment.unfulfillable",
}

logger = logging.getLogger(__name__)


@transaction.atomic(durable=True)
def record_fact(channel: str, seen: Seen, entry: InboxEntry | None = None) -> Attempt | None:
    """Write down what a gateway says of one payment; transaction 1. Returns None for a payment that is not ours.

    Safe to repeat, at once and in any order: SUCCESS is recorded whatever state order and attempt are in, and
    nothing leads back from it. Money under an unknown number becomes a Difference for support.
    """
    attempt = (
        Attempt.objects.select_for_update(no_key=True)
        .filter(channel=channel, merchant_account=seen.merchant_account, out_trade_no=seen.out_trade_no)
        .first()
    )
    if attempt is None:
        if seen.state in MONEY:
            _differs(Difference.Kind.GATEWAY_ONLY, channel, seen, None)
        return None
    if seen.state in MONEY:
        _record_money(attempt, seen)
    elif attempt.state != State.SUCCESS:
        _record_waiting(attempt, seen)
    if entry is not None:
        InboxEntry.objects.filter(pk=entry.pk, processed_at__isnull=True).update(processed_at=clock.now())
    return attempt


def _record_money(attempt: Attempt, seen: Seen) -> None:
    if attempt.state == State.SUCCESS:
        if (attempt.gateway_txn_no, attempt.paid_minor) != (seen.gateway_txn_no, seen.amount_minor):
            _differs(Difference.Kind.AMOUNT, attempt.channel, seen, attempt)
        return
    now = clock.now()
    attempt.state = State.SUCCESS
    attempt.gateway_txn_no = seen.gateway_txn_no
    attempt.paid_minor = seen.amount_minor
    attempt.paid_currency = seen.currency
    attempt.paid_at = seen.paid_at or now
    attempt.recorded_at = now
    attempt.bill_date = attempt.paid_at.astimezone(SHANGHAI).date()
    attempt.next_sync_at = attempt.leased_until = None
    attempt.last_error = ""
    attempt.save()


def _record_waiting(attempt: Attempt, seen: Seen) -> None:
    now = clock.now()
    is_over = now >= attempt.gateway_expires_at
    if seen.state == "CLOSED" or (seen.state == "ABSENT" and is_over):
        if attempt.is_open or attempt.state == State.CLOSING:
            attempt.state = State.EXPIRED if is_over and attempt.state != State.CLOSING else State.CLOSED
    elif attempt.state == State.UNKNOWN and seen.state != "ABSENT" and attempt.has_a_way:
        attempt.state = State.PENDING
    attempt.last_error = ""
    asked(attempt)


def asked(attempt: Attempt) -> None:
    """Count one question about an attempt that is not paid, set when it is asked next, and save it."""
    now = clock.now()
    attempt.last_asked_at = now
    attempt.sync_count += 1
    attempt.leased_until = None
    attempt.next_sync_at = matching.next_sync(attempt.created_at, attempt.gateway_expires_at, now)
    attempt.save()


def apply(attempt_id: str) -> Attempt:
    """Give recorded money to its order, or back to whoever paid; transaction 2. Safe to repeat: it happens once.

    `attempt_id` is the public id. Order, card keys, ledger, refund and events change together or not at all.
    """
    order_id = Attempt.objects.values_list("order__public_id", flat=True).get(public_id=attempt_id)
    with transaction.atomic(durable=True):
        order = road.locked(order_id)
        attempt = Attempt.objects.select_for_update(no_key=True).get(public_id=attempt_id)
        if attempt.state != State.SUCCESS or attempt.applied_at is not None:
            return attempt
        verdict = Disposition(matching.disposition(_owed(order), _paid(attempt)))
        if verdict == Disposition.APPLIED:
            verdict = _give_to(order, attempt)
        attempt.disposition, attempt.applied_at = verdict, clock.now()
        attempt.set_aside_at, attempt.set_aside_why = None, ""
        attempt.save(update_fields=["disposition", "applied_at", "set_aside_at", "set_aside_why"])
        ledger.book_payment(attempt, order)
        refunds.adopt_waiting(attempt, order)
        if verdict == Disposition.APPLIED:
            close_the_rest(order, attempt)
        else:
            _give_back(order, attempt, verdict)
    return attempt


def close_the_rest(order: Order, but: Attempt | None = None) -> int:
    """Mark what is still open of a locked order for closing now; the next round closes it at the gateway."""
    rest = Attempt.objects.open().filter(order=order)
    if but is not None:
        rest = rest.exclude(pk=but.pk)
    return rest.update(state=State.CLOSING, next_sync_at=clock.now())


def release_if_idle(order: Order) -> None:
    """Put a locked order back to UNPAID when no open attempt is left by which it could be paid."""
    if order.payment_status == "PROCESSING" and not Attempt.objects.open().filter(order=order).exists():
        orders.release_payment(order.public_id, actor=SYSTEM)


def _owed(order: Order) -> matching.Owed:
    return matching.Owed(order.status, order.payment_status, order.total_minor, order.currency)


def _paid(attempt: Attempt) -> matching.Paid:
    return matching.Paid(attempt.paid_minor or 0, attempt.paid_currency)


def _give_to(order: Order, attempt: Attempt) -> Disposition:
    role, _, account = attempt.collector.partition(":")
    actor = Actor(role, account) if role else GATEWAY
    try:
        orders.pay_locked(order, amount_minor=attempt.paid_minor or 0, channel=attempt.channel, actor=actor)
    except KeysShort:
        orders.cancel_order(order.public_id, reason="UNFULFILLABLE", actor=SYSTEM)
        return Disposition.UNFULFILLABLE
    return Disposition.APPLIED


def _give_back(order: Order, attempt: Attempt, verdict: Disposition) -> None:
    amount = attempt.paid_minor or 0
    data = {"amountMinor": amount, "channel": attempt.channel, "reload": ["hero", "money"]}
    orders.note(order.public_id, NOTES[verdict], data, actor=GATEWAY)
    reason = "OUT_OF_STOCK" if verdict == Disposition.UNFULFILLABLE else verdict.value
    if attempt.left_minor:
        refunds.reserve(attempt, order, attempt.left_minor, reason=reason, key=f"auto:{attempt.public_id}")
    if verdict == Disposition.MISMATCH:
        release_if_idle(order)  # what was being checked is known now, and is no payment
        logger.error("%s: %s paid, %s owed", attempt, amount, attempt.amount_minor)


def _differs(kind: Difference.Kind, channel: str, seen: Seen, attempt: Attempt | None) -> None:
    differences.report(
        Found(
            kind=kind,
            subject=f"{channel}:{seen.out_trade_no}",
            channel=channel,
            day=(seen.paid_at or clock.now()).astimezone(SHANGHAI).date(),
            order_ref=attempt.order.public_id if attempt else "",
            ours_minor=attempt.paid_minor if attempt else None,
            theirs_minor=seen.amount_minor,
            facts={"gatewayTxnNo": seen.gateway_txn_no, "state": seen.state},
        )
    )
