"""The promise: so much of a payment is reserved to go back. Called by settle.py and services/, order locked."""

from functools import partial

from celery import current_app
from django.db import transaction

from config.ground.figures import money
from orders.actors import SYSTEM, Actor
from orders.models import Order
from orders.stock.masking import without_keys
from payments.models import Attempt, Refund
from payments.refunds.recording import tell
from payments.refusals import RefundTooMuch

PUSH = "payments.tasks.push_refunds"  # by name: the task stands above this module


def reserve(
    attempt: Attempt,
    order: Order,
    amount_minor: int,
    *,
    reason: str,
    key: str,
    words: str = "",
    item: dict[str, str] | None = None,
    line_no: int | None = None,
    actor: Actor = SYSTEM,
) -> Refund:
    """Promise so much of an attempt back; order and attempt are locked by the caller. The same key is one refund.

    Raises RefundTooMuch. The database's own check refuses it too.
    """
    known = Refund.objects.filter(idempotency_key=key).first()
    if known is not None:
        return known
    left = attempt.left_minor
    if not 0 < amount_minor <= left:
        raise RefundTooMuch(field="amount", amount=money(left, attempt.currency))
    attempt.refund_reserved_minor += amount_minor
    attempt.save(update_fields=["refund_reserved_minor"])
    refund = Refund.objects.create(
        attempt=attempt,
        amount_minor=amount_minor,
        reason=reason,
        idempotency_key=key,
        words=without_keys(words, order.shop_id)[:200],
        item=item or {},
        line_no=line_no,
        actor=said_by(actor),
    )
    tell(order, "refund.requested", refund, actor)
    transaction.on_commit(hint, robust=True)
    return refund


def said_by(actor: Actor) -> str:
    """`role`, or `role:usr_…`."""
    return ":".join(filter(None, (actor.role, actor.account)))


# Push it now instead of at the next round; only a hint, the round comes anyway.
hint = partial(current_app.send_task, PUSH, queue="money", retry=False, expires=30)
