"""What tracking adds to pages of orders, after `{% load tracking %}`: `courier_panel` and `rider_badge`."""

from typing import Any

from django import template

from orders.order.models import Order
from orders.order.states import Status
from tracking.models import Rider
from tracking.words import COMING, VEHICLE

register = template.Library()

BEFORE_PICK_UP = {Status.CONFIRMED, Status.PREPARING, Status.READY}


@register.inclusion_tag("tracking/_courier.html")
def courier_panel(order: Order) -> dict[str, Any]:
    """Who carries it, for the page of whoever ordered; on the way with phone and door code. Else empty."""
    if order.carrier_id is None or order.status not in {*BEFORE_PICK_UP, Status.ON_DELIVERY}:
        return {"rider": None}
    rider = Rider.objects.select_related("user").filter(user_id=order.carrier_id).first()
    if rider is None:
        return {"rider": None}
    return {
        "rider": rider,
        "vehicle": VEHICLE[rider.vehicle],
        "order": order,
        "is_on_the_way": order.status == Status.ON_DELIVERY,
        "spoken_code": " ".join(order.door_code),
    }


@register.inclusion_tag("tracking/_rider_badge.html")
def rider_badge(order: Order) -> dict[str, Any]:
    """Who comes to collect it, for the shop's board. Empty without a rider and after the pick-up."""
    carrier = order.carrier if order.status in BEFORE_PICK_UP else None
    return {"word": COMING, "name": carrier.name if carrier else ""}
