"""What programs are told of an order: the documents of the two callbacks, made from the log alone.

config/webhooks.py hands these to the webhooks, and `GET /api/v1/events` answers with the same ones. Because an event
never changes, its document is the same whenever it is made.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from notifications.log import Heard
from notifications.models import Event
from notifications.webhooks.outbox import Named
from orders.order.models import Order
from orders.order.states import PaymentStatus, Status

CHANGES = (
    "order.paid", "order.confirmed", "order.preparing", "order.ready", "order.picked_up", "order.completed",
    "order.cancelled",
)  # fmt: skip
ENDED = frozenset({Status.COMPLETED, Status.CANCELLED})
# A cash order has come to the shop the moment it is placed; any other with `order.paid`.
TOLD = Q(type__in=CHANGES) | Q(type="order.placed", data__paymentStatus=PaymentStatus.DUE_ON_DELIVERY)


def told_events(topics: list[str]) -> QuerySet[Event]:
    """The numbered events of these topics that programs are told, in the order of the log."""
    rows = Event.objects.filter(TOLD, position__isnull=False, stream__startswith="order/", topics__overlap=topics)
    return rows.order_by("position")


def status_change(event: Heard) -> Mapping[str, Any] | None:
    """`onStatusChange`: the event's type and the order's status when it happened. None for what no program is told."""
    if event.type == "order.placed" and event.data.get("paymentStatus") != PaymentStatus.DUE_ON_DELIVERY:
        return None
    return {"eventType": event.type, "payload": status_update(event)}


def status_update(event: Heard) -> Mapping[str, Any]:
    """`OrderStatusUpdate`, the whole document of `onOrderConfirmed`."""
    known: dict[str, Any] = {}
    earlier = Event.objects.filter(stream=event.stream, version__lt=event.version).order_by("version")
    for data in (*earlier.values_list("data", flat=True), event.data):
        known |= data
    update = {"orderId": event.ref, "status": known["status"], "timestamp": event.at.isoformat()}
    if known.get("estimatedTime") is not None and known["status"] not in ENDED:
        update["estimatedTime"] = known["estimatedTime"]
    return update | {"sequence": event.version, "position": event.position}


def named_addresses(events: Sequence[Heard]) -> Mapping[int, Named]:
    """By position, the notificationUrl of the event's order, which hears what happens after placing it."""
    after = {event.position: event.ref for event in events if event.type != "order.placed"}
    rows = Order.objects.filter(public_id__in=set(after.values()), customer__isnull=False).exclude(notification_url="")
    found = {
        ref: Named(*named) for ref, *named in rows.values_list("public_id", "customer__public_id", "notification_url")
    }
    return {position: found[ref] for position, ref in after.items() if ref in found}
