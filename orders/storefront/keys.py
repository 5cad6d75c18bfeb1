"""Card keys on the order page: hidden until somebody presses Show key, and each look is recorded."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from orders import services
from orders.access import asker, own_order
from orders.order.road import NoSuchOrder
from orders.people import User
from orders.services.looks import GUEST
from orders.storefront.facts import Facts
from orders.storefront.found import order_or_missing


@order_or_missing
def key(request: HttpRequest, order_id: str, line_no: int, unit_no: int) -> HttpResponse:
    """POST shows one key and records that; GET is the card with the key hidden again."""
    order, text = own_order(asker(request), order_id), ""
    if request.method == "POST":
        by = request.user.public_id if isinstance(request.user, User) else GUEST
        address = request.META.get("REMOTE_ADDR") or None
        text = services.reveal(order_id, line_no, unit_no, by=by, address=address)
    units = Facts(order).keys
    unit = next((unit for unit in units if (unit.line_no, unit.unit_no) == (line_no, unit_no)), None)
    if unit is None:
        raise NoSuchOrder
    context = {"order": order, "shop": order.shop, "key": unit, "count": len(units), "text": text}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "storefront/_key.html", context)
    if not text:
        return redirect("storefront:order", order_id)
    return render(request, "storefront/key.html", context)
