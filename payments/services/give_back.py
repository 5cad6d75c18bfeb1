"""Giving money of an order back: by its events (handlers.py) and by support."""

from django.db import transaction

from orders.actors import SYSTEM, Actor
from orders.order import road
from payments import refunds
from payments.models import Attempt, Disposition, Refund
from payments.refusals import NothingToReturn


@transaction.atomic
def request_refund(
    order_id: str,
    *,
    amount_minor: int | None = None,
    reason: str,
    key: str,
    words: str = "",
    item: dict[str, str] | None = None,
    actor: Actor = SYSTEM,
) -> Refund:
    """Promise so much (all that is left, unless told) of what was paid for an order back; the clock pushes it.

    The same `key` is the same refund. Raises NothingToReturn, RefundTooMuch.
    """
    order = road.locked(order_id)
    known = Refund.objects.filter(idempotency_key=key).first()
    if known is not None:
        return known
    applied = Attempt.objects.filter(order=order, disposition=Disposition.APPLIED)
    attempt = applied.select_for_update(no_key=True).first()
    left = attempt.left_minor if attempt else 0
    if attempt is None or left == 0:
        raise NothingToReturn
    amount = left if amount_minor is None else amount_minor
    return refunds.reserve(attempt, order, amount, reason=reason, key=key, words=words, item=item, actor=actor)
