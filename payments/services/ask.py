"""Asking a gateway about one attempt, and closing one: ask outside any transaction, then write down what was heard."""

from django.db import transaction

from orders.order import road
from payments import asking, inbox, settle
from payments.asking import Heard
from payments.models import Attempt, InboxEntry

State = Attempt.State


def ask_gateway(attempt: Attempt) -> Attempt:
    """Ask once what happened, record and apply it; returns the fresh attempt.

    No answer is no error: `last_error` says so, and the clock asks again.
    """
    return learn(attempt, asking.query(attempt))


def close_attempt(attempt: Attempt) -> Attempt:
    """Let nobody pay it any more; when the buyer was faster, the money is recorded and applied."""
    return learn(attempt, asking.close(attempt))


def learn(attempt: Attempt, heard: Heard) -> Attempt:
    """Write down what was heard about an attempt; returns the fresh one. Money is applied at once."""
    if heard.seen is not None:
        entry = inbox.keep_answer(attempt.channel, heard.seen, InboxEntry.Source.QUERY)
        known = settle.record_fact(attempt.channel, heard.seen, entry)
        if known is not None and known.state == State.SUCCESS and known.applied_at is None:
            return settle.apply(known.public_id)
        if known is None or known.is_open:
            return known or attempt
    return _unpaid(attempt, heard)


@transaction.atomic(durable=True)
def _unpaid(attempt: Attempt, heard: Heard) -> Attempt:
    """Closed, or no answer: set the state and the next question; an order without an open attempt is released."""
    order = road.locked(attempt.order.public_id)
    row = Attempt.objects.select_for_update(no_key=True).get(pk=attempt.pk)
    if row.state != State.SUCCESS:
        if heard.was_closed and row.state != State.EXPIRED:
            row.state = State.CLOSED
        if heard.seen is None:
            row.last_error = heard.error
            settle.asked(row)
        settle.release_if_idle(order)
    return row
