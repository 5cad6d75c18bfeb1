"""Three questions that need more than one press: reject, call off, strike out. Pages of their own without script."""

from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from config.ground import clock
from config.ground.problems import Refusal
from orders import pricing, services
from orders.catalog.models import Shop
from orders.merchant.board import PAUSE_MINUTES, understand
from orders.merchant.door import actor_of, at_shop, order_of
from orders.merchant.page import show_order
from orders.merchant.saying import sentence
from orders.merchant.steps import answer
from orders.order.models import Order, OrderLine
from orders.order.states import PaymentStatus, RejectKind, Status

ASKED = (RejectKind.SOLD_OUT, RejectKind.BUSY, RejectKind.CLOSING, RejectKind.TOO_FAR, RejectKind.OTHER)
MOST_CHOICES = 30  # quantities offered one by one with their amounts


@at_shop
@require_http_methods(["GET", "POST"])
def reject(request: HttpRequest, shop: Shop, order_id: str) -> HttpResponse:
    """Why the shop cannot take it; the customer reads the reason and gets everything back."""
    order = order_of(shop, order_id)
    why, words = request.POST.get("why", ""), request.POST.get("words", "").strip()
    if request.method == "GET":
        return ask(request, order, "merchant/reject.html")
    if error := _reason_missing(why, words):
        return ask(request, order, "merchant/reject.html", error=error)
    try:
        services.reject_order(order_id, why=why, words=words, actor=actor_of(request))
    except Refusal as refusal:
        return _refused(request, order, refusal)
    _afterwards(request, shop, why)
    understand(request, order_id)
    if request.headers.get("HX-Request"):
        return HttpResponse("", headers={"HX-Retarget": f"#t-{order_id}", "HX-Reswap": "delete"})
    return redirect("merchant:board", shop.public_id)


@at_shop
@require_http_methods(["GET", "POST"])
def call_off(request: HttpRequest, shop: Shop, order_id: str) -> HttpResponse:
    """The shop gives up an order that it had accepted; the page names what goes back."""
    order = order_of(shop, order_id)
    why, words = request.POST.get("why", ""), request.POST.get("words", "").strip()
    if request.method == "GET":
        return ask(request, order, "merchant/call_off.html")
    if error := _reason_missing(why, words):
        return ask(request, order, "merchant/call_off.html", error=error)
    try:
        services.call_off_order(order_id, why=why, words=words, actor=actor_of(request))
    except Refusal as refusal:
        return _refused(request, order, refusal)
    return redirect("merchant:order", shop.public_id, order_id)


@at_shop
@require_http_methods(["GET", "POST"])
def sold_out(request: HttpRequest, shop: Shop, order_id: str, line_no: int) -> HttpResponse:
    """Strike out so many of one line: each answer says what goes back; the good can leave the menu with it."""
    order = order_of(shop, order_id)
    line = get_object_or_404(order.lines.select_related("product"), line_no=line_no)
    if request.method == "GET":
        return ask(request, order, "merchant/sold_out.html", line=line, amounts=amounts(order, line))
    quantity = request.POST.get("quantity", "")
    if not quantity.isdecimal():
        raise Http404
    try:
        services.strike_out_line(order_id, line_no, quantity=int(quantity), actor=actor_of(request))
    except Refusal as refusal:
        return _refused(request, order, refusal)
    if request.POST.get("off_sale"):
        services.set_sold_out(line.product.public_id, sold_out=True, actor=actor_of(request))
    return redirect("merchant:order", shop.public_id, order_id)


def ask(request: HttpRequest, order: Order, template: str, *, error: str = "", **facts: Any) -> HttpResponse:
    """Draw one of the questions; with an error it keeps what was typed."""
    facts |= {
        "shop": order.shop,
        "section": "orders",
        "order": order,
        "error": error,
        "now": clock.now(),
        "kinds": ASKED,
        "why": request.POST.get("why", ""),
        "words": request.POST.get("words", ""),
        "back": request.POST.get("back") or request.GET.get("back") or "board",
        "back_minor": returned_minor(order),
        "is_waiting": order.status == Status.PENDING,
        "pause_minutes": PAUSE_MINUTES,
    }
    return render(request, template, facts, status=422 if error else 200)


def returned_minor(order: Order) -> int:
    """What goes back when it is cancelled now; nothing for cash that was never paid."""
    return 0 if order.payment_status == PaymentStatus.DUE_ON_DELIVERY else order.total_minor


def amounts(order: Order, line: OrderLine) -> list[tuple[int, int]]:
    """(how many, what goes back) for one unit, two, … and all of the line."""
    left = line.quantity - line.struck_quantity
    goods_left = order.items_minor - sum(other.struck_minor for other in order.lines.all())
    counts = [*range(1, min(left, MOST_CHOICES) + 1), *([left] if left > MOST_CHOICES else [])]
    return [
        (
            count,
            pricing.returned_for_strike(
                line.unit_minor, count, left_minor=goods_left, delivery_minor=order.delivery_minor
            ),
        )
        for count in reversed(counts)
    ]


def _reason_missing(why: str, words: str) -> str:
    if why not in ASKED:
        return _("Choose a reason.")
    if why == RejectKind.OTHER and not words:
        return _("Write a word to the customer: it is all they will know.")
    return ""


def _afterwards(request: HttpRequest, shop: Shop, why: str) -> None:
    """What the reason means for the orders that would come next."""
    actor = actor_of(request)
    if why == RejectKind.CLOSING:
        services.set_open(shop.public_id, is_open=False, actor=actor)
    elif request.POST.get("pause"):
        until = clock.now() + timedelta(minutes=PAUSE_MINUTES)
        services.pause(shop.public_id, until=until, actor=actor)


def _refused(request: HttpRequest, order: Order, refusal: Refusal) -> HttpResponse:
    order.refresh_from_db(fields=["status", "payment_status", "confirmed_at"])
    words = sentence(refusal, order)
    if request.POST.get("back") == "board":
        return answer(request, order.shop, order.public_id, words, refusal.status)
    return show_order(request, order.shop, order.public_id, refusal=words, status=refusal.status)
