"""A guest's private link: it opens the order where it was placed, and elsewhere whoever knows the phone's last digits.

The secret is in one address only, which leads on at once; nothing that is drawn here has it in its address.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from config.ground.problems import Refusal
from orders.access import asker, remember_guest
from orders.order.models import Order
from orders.order.road import NoSuchOrder
from orders.services import knock
from orders.storefront.found import order_or_missing
from orders.storefront.kept import forget_knock, keep_knock, keep_link, kept_knock


@order_or_missing
def guest(request: HttpRequest, order_id: str, secret: str) -> HttpResponse:
    """A private link: wrong, there is no such order; right, it opens, or the digits are asked for."""
    found = knock.knock(order_id, secret, address=request.META.get("REMOTE_ADDR"))
    if order_id in asker(request).guest_orders or not knock.asks_digits(found):
        answer = let_in(request, found, secret)
    else:
        keep_knock(request, order_id, secret)
        answer = redirect("storefront:door", order_id)
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@order_or_missing
def door(request: HttpRequest, order_id: str) -> HttpResponse:
    """Ask for the last four digits of the phone; for whoever came by the right link."""
    secret = kept_knock(request, order_id)
    if not secret:
        raise NoSuchOrder
    found = knock.knock(order_id, secret, address=request.META.get("REMOTE_ADDR"))
    if request.method != "POST":
        return show_door(request, found)
    try:
        knock.answer(found, request.POST.get("digits", ""))
    except Refusal as refusal:
        return show_door(request, found, refusal)
    return let_in(request, found, secret)


def show_door(request: HttpRequest, order: Order, refusal: Refusal | None = None) -> HttpResponse:
    """Draw the question, what was typed gone."""
    facts = {"order": order, "shop": order.shop, "refusal": refusal}
    return render(request, "storefront/door.html", facts, status=refusal.status if refusal else 200)


def let_in(request: HttpRequest, order: Order, secret: str) -> HttpResponse:
    """This browser sees the order from now on. Its session gets a new key: nobody planted it here before."""
    request.session.cycle_key()
    forget_knock(request, order.public_id)
    remember_guest(request, order.public_id)
    keep_link(request, order.public_id, secret)
    return redirect("storefront:order", order.public_id)
