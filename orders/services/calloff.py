"""Calling off: the shop gives an order up after it had accepted it. Called by the merchant's order page."""

from django.db import transaction

from orders.actors import Actor
from orders.order import road
from orders.order.models import Order
from orders.order.road import WrongMoment
from orders.order.states import CancelReason, RejectKind, Status
from orders.services.cancel import cancel_locked
from orders.services.refusals import Required

ACCEPTED = {Status.CONFIRMED, Status.PREPARING, Status.READY}


@transaction.atomic
def call_off_order(order_id: str, *, why: str, words: str = "", actor: Actor) -> Order:
    """Cancel an accepted order that has not left the shop; what was paid goes back by itself.

    `why` is a RejectKind: SOLD_OUT is told as “everything sold out”, the others as a rejection of that kind, and
    OTHER wants `words` for the customer (Required). Before acceptance it is `reject_order`'s; later, support's.
    """
    order = road.locked(order_id)
    if order.status not in ACCEPTED:
        raise WrongMoment(order)
    kind, said = RejectKind(why), words.strip()
    if kind == RejectKind.SOLD_OUT:
        return cancel_locked(order, CancelReason.SOLD_OUT, detail="", words=said, actor=actor)
    if kind == RejectKind.OTHER and not said:
        raise Required(field="words")
    return cancel_locked(order, CancelReason.MERCHANT_REJECTED, detail=kind, words=said, actor=actor)
