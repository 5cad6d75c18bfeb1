"""Asking a gateway about one attempt, and closing one: ask outside any transaction, then write down what was heard."""

from django.db import transaction

from orders import services as orders
from orders.actors import GATEWAY, SYSTEM, Actor
from orders.models import Order
from orders.order import road
from orders.order.states import PaymentStatus, Status
from payments import asking, inbox, settle
from payments.asking import Heard
from payments.models import Attempt, InboxEntry
from payments.services.hear import apply_kept

State = Attempt.State


def ask_gateway(attempt: Attempt, *, claimed_by: Actor | None = None) -> Attempt:
    """Ask once what happened, record and apply it; returns the fresh attempt.

    No answer is no error: `last_error` says so, and the clock asks again. `claimed_by` says that they have paid:
    without an answer the order is shown as being checked, until the gateway says yes or no.
    """
    asking.let_go()
    return learn(attempt, asking.query(attempt), claimed_by=claimed_by)


def close_attempt(attempt: Attempt) -> Attempt:
    """Let nobody pay it any more; when the buyer was faster, the money is recorded and applied."""
    asking.let_go()
    return learn(attempt, asking.close(attempt))


def learn(attempt: Attempt, heard: Heard, *, claimed_by: Actor | None = None) -> Attempt:
    """Write down what was heard about an attempt; returns the fresh one. Money is applied at once, or by the clock."""
    if heard.seen is not None:
        entry = inbox.keep_answer(attempt.channel, heard.seen, InboxEntry.Source.QUERY)
        known = settle.record_fact(attempt.channel, heard.seen, entry)
        if known is not None and known.state == State.SUCCESS and known.applied_at is None:
            apply_kept(known)
            return Attempt.objects.select_related("order").get(pk=known.pk)
        if known is None or (known.is_open and _is_known(known, heard)):
            return known or attempt
    return _unpaid(attempt, heard, claimed_by)


def _is_known(attempt: Attempt, heard: Heard) -> bool:
    """Whether the order says already what was heard: that somebody is paying, or that nobody has."""
    is_paying = heard.seen is not None and heard.seen.state == "PROCESSING"
    wanted = PaymentStatus.PROCESSING if is_paying else PaymentStatus.UNPAID
    return Order.objects.filter(pk=attempt.order_id, payment_status=wanted).exists()


@transaction.atomic(durable=True)
def _unpaid(attempt: Attempt, heard: Heard, claimed_by: Actor | None) -> Attempt:
    """Closed, no answer, or no money yet: set the state and the next question, and what the order says of it."""
    order = road.locked(attempt.order.public_id)
    row = Attempt.objects.select_for_update(no_key=True).get(pk=attempt.pk)
    if row.state == State.SUCCESS:
        return row
    if heard.was_closed and row.state != State.EXPIRED:
        row.state = State.CLOSED
    if heard.seen is None:
        row.last_error = heard.error
        settle.asked(row)
    _tell(order, row, heard, claimed_by)
    return row


def _tell(order: Order, attempt: Attempt, heard: Heard, claimed_by: Actor | None) -> None:
    """Checking while money may be on its way by the open attempt; waiting again when its gateway says no."""
    is_answer = heard.seen is not None and heard.seen.state != "PROCESSING"
    if not attempt.is_open:
        settle.release_if_idle(order)
    elif is_answer and order.payment_status == PaymentStatus.PROCESSING:
        orders.release_payment(order.public_id, actor=SYSTEM)
    elif not is_answer and (heard.seen is not None or claimed_by is not None) and _waits(order):
        orders.claim_payment(order.public_id, actor=claimed_by or GATEWAY)


def _waits(order: Order) -> bool:
    return (order.status, order.payment_status) == (Status.PENDING, PaymentStatus.UNPAID)
