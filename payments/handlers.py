"""What payments do on hearing what happened to an order. Wired in config/events.py; safe to hear twice."""

from functools import partial

from django.db import transaction

from notifications.log import Heard, hears
from notifications.models import Event
from orders.models import Order
from orders.order import road
from payments import settle
from payments.models import Refund
from payments.refusals import NothingToReturn, RefundTooMuch
from payments.services import request_refund

REASONS = {
    "CUSTOMER": Refund.Reason.CUSTOMER,
    "MERCHANT_REJECTED": Refund.Reason.MERCHANT_REJECT,
    "SOLD_OUT": Refund.Reason.OUT_OF_STOCK,
    "UNFULFILLABLE": Refund.Reason.OUT_OF_STOCK,
}


@hears("order.cancelled", "line.struck_out")
def refund_what_is_owed(event: Heard) -> None:
    """Give back what was paid for something that will not come; nothing when nothing was paid for it."""
    try:
        if event.type == "order.cancelled":
            reason = REASONS.get(event.data["reason"], Refund.Reason.MANUAL)
            words = _said_by_support(event.ref) if reason == Refund.Reason.MANUAL else ""
            request_refund(event.ref, reason=reason, key=f"cancel:{event.ref}", words=words)
        elif _was_paid_before(event):
            _return_struck(event)
    except NothingToReturn:
        return


def _return_struck(event: Heard) -> None:
    """Give back what was struck out, or what is left when support returned some of it by hand before."""
    give = partial(
        request_refund,
        event.ref,
        reason=Refund.Reason.STRUCK_OUT,
        key=f"strike:{event.ref}:{event.version}",
        item=event.data["item"],
    )
    try:
        give(amount_minor=event.data["amountMinor"])
    except RefundTooMuch:
        give()


def _said_by_support(order_id: str) -> str:
    """What support wrote to the customer when it cancelled; it stands beside the refund too."""
    return str(Order.objects.values_list("cancel_words", flat=True).get(public_id=order_id))


@hears("order.cancelled")
@transaction.atomic
def close_what_is_open(event: Heard) -> None:
    """Nobody shall pay a cancelled order: its attempts are closed at the gateway by the next round."""
    order = road.locked(event.ref)
    settle.close_the_rest(order)
    settle.release_if_idle(order)


def _was_paid_before(event: Heard) -> bool:
    """A line struck out while cash was still due made the bill smaller; there is nothing to give back for it."""
    return Event.objects.filter(stream=event.stream, type="order.paid", version__lt=event.version).exists()
