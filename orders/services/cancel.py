"""Cancelling: by customer, shop, clock or support. Stock comes back at once; money by its own event."""

from django.db import transaction

from config.ground import clock
from orders.actors import Actor
from orders.order import road
from orders.order.models import Order
from orders.order.road import Step, WrongMoment
from orders.order.states import WAITING_FOR_MONEY, CancelReason, Status
from orders.services.refusals import NotYetDue, TooLateToCancel
from orders.stock import counted, keys
from orders.stock.masking import without_keys


@transaction.atomic
def cancel_order(order_id: str, *, reason: str, words: str = "", actor: Actor) -> Order:
    """Cancel for one of the reasons of `CancelReason`.

    CUSTOMER only until the kitchen starts (TooLateToCancel), PAYMENT_TIMEOUT only when it is due and unpaid
    (NotYetDue, WrongMoment), on the way only STAFF and DELIVERY_FAILED. What was paid goes back by itself.
    """
    order = road.locked(order_id)
    if reason == CancelReason.CUSTOMER and order.status in {Status.PREPARING, Status.READY, Status.ON_DELIVERY}:
        raise TooLateToCancel
    if reason == CancelReason.PAYMENT_TIMEOUT:
        if order.status != Status.PENDING or order.payment_status not in WAITING_FOR_MONEY:
            raise WrongMoment(order)
        if order.expires_at is None or order.expires_at > clock.of_the_database():
            raise NotYetDue
    return cancel_locked(order, reason, detail="", words=words, actor=actor)


def cancel_locked(order: Order, reason: str, *, detail: str, words: str, actor: Actor) -> Order:
    """`cancel_order` for a caller that already holds the lock and checked the moment."""
    may_abort = reason in {CancelReason.STAFF, CancelReason.DELIVERY_FAILED}
    decide = order.abort_delivery if order.status == Status.ON_DELIVERY and may_abort else order.cancel
    stage = order.status
    step = Step(
        "order.cancelled",
        {"reason": reason, "detail": detail, "stage": stage},
        columns={
            "cancel_detail": detail,
            "cancel_words": without_keys(words, order.shop_id)[:200],
            "ended_at": clock.now(),
            "answer_by": None,
        },
    )
    road.move(order, lambda: decide(CancelReason(reason)), step, actor)
    if stage != Status.ON_DELIVERY:
        counted.release(order.pk)
    keys.release(order.pk)
    return order
