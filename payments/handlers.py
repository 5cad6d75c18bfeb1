"""What payments do on hearing what happened to an order. Wired in config/events.py; safe to hear twice."""

from functools import partial

from django.db import transaction
from django.db.models import Sum

from notifications.log import Heard, hears
from notifications.models import Event
from orders.models import Order, OrderLine
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
OF_A_LINE = (Refund.Reason.MERCHANT, Refund.Reason.STRUCK_OUT)


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
    """Give back what was struck out, or what is left when some of it was returned by hand before."""
    amount = min(event.data["amountMinor"], _left_of_price(event))
    if not amount:
        return
    give = partial(
        request_refund,
        event.ref,
        reason=Refund.Reason.STRUCK_OUT,
        key=f"strike:{event.ref}:{event.version}",
        item=event.data["item"],
        line_no=event.data["line"],
    )
    try:
        give(amount_minor=amount)
    except RefundTooMuch:
        give()


def _left_of_price(event: Heard) -> int:
    """What of a struck line's whole price has not gone back for that line yet, by the shop or for earlier units."""
    line = OrderLine.objects.get(order__public_id=event.ref, line_no=event.data["line"])
    rows = Refund.objects.filter(attempt__order=line.order_id, line_no=line.line_no, reason__in=OF_A_LINE)
    given = rows.aggregate(total=Sum("amount_minor"))["total"] or 0
    return max(line.unit_minor * line.quantity - given, 0)


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
