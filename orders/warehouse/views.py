"""The picker: which orders wait, one line at a time with shelf, quantity and picture; scanning is picking."""

from collections.abc import Callable

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from config.ground import clock
from config.ground.problems import Refusal
from orders import picking, services
from orders.actors import Actor
from orders.catalog.models import Product, Shop, Trade
from orders.merchant.door import actor_of, at_shop, order_of
from orders.merchant.saying import sentence
from orders.merchant.tickets import read_tickets
from orders.order.models import Order, OrderLine
from orders.order.states import Status

TO_PICK = {Status.CONFIRMED, Status.PREPARING}


@at_shop
@require_GET
def orders(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Orders to pick, the earliest first."""
    found = [ticket for ticket in read_tickets(shop, clock.now()) if ticket.order.status in TO_PICK]
    facts = {"shop": shop, "section": "picking", "tickets": found}
    template = "warehouse/_orders.html" if request.headers.get("HX-Request") else "warehouse/orders.html"
    return render(request, template, facts)


@at_shop
@require_GET
def picker(request: HttpRequest, shop: Shop, order_id: str) -> HttpResponse:
    """The picker's screen of one order; `?line=` chooses another line than the next one."""
    return show(request, shop, order_id)


@at_shop
@require_POST
def press(request: HttpRequest, shop: Shop, order_id: str, verb: str) -> HttpResponse:
    """Picked, only so many, none, or finished. Back to the screen, which shows the next line."""
    order = order_of(shop, order_id)
    if verb not in VERBS or shop.trade != Trade.GROCERY:
        raise Http404
    try:
        with transaction.atomic():
            VERBS[verb](order, request.POST, actor_of(request))
    except Refusal as refusal:
        order.refresh_from_db(fields=["status", "payment_status"])
        return show(request, shop, order_id, refusal=sentence(refusal, order), status=refusal.status)
    if request.headers.get("HX-Request") and verb != "ready":
        return show(request, shop, order_id)
    name = "warehouse:orders" if verb == "ready" else "warehouse:picker"
    address = reverse(name, args=[shop.public_id] if verb == "ready" else [shop.public_id, order_id])
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def show(request: HttpRequest, shop: Shop, order_id: str, *, refusal: str = "", status: int = 200) -> HttpResponse:
    """Draw the screen: whole, or under htmx what stands in it."""
    order = order_of(shop, order_id)
    wanted = request.GET.get("line") or request.POST.get("line") or ""
    walk = picking.walk(order.lines.all(), int(wanted) if wanted.isdecimal() else None)
    facts = {
        "shop": shop,
        "section": "picking",
        "order": order,
        "walk": walk,
        "line": walk.now,
        "fewer": range(walk.now.left - 1, 0, -1) if walk.now else (),
        "is_gone": order.status == Status.CANCELLED,
        "is_over": order.status not in TO_PICK | {Status.CANCELLED},
        "refusal": refusal,
    }
    template = "warehouse/_picker.html" if request.headers.get("HX-Request") else "warehouse/picker.html"
    return render(request, template, facts, status=status)


def _pick(order: Order, form: QueryDict, actor: Actor) -> None:
    """By hand, or by scanning: then the code must be this line's."""
    line = _line(order, form)
    if barcode := form.get("barcode", "").strip():
        other = Product.objects.filter(shop=order.shop, barcode=barcode).first()
        picking.check_scan(line, barcode, found=other.name if other else "")
    services.pick_line(order.public_id, line.line_no, actor=actor)


def _only(order: Order, form: QueryDict, actor: Actor) -> None:
    """So many are there: the rest is struck out, these are picked."""
    line, there = _line(order, form), form.get("there", "")
    if not there.isdecimal():
        raise Http404
    services.strike_out_line(order.public_id, line.line_no, quantity=line.left - int(there), actor=actor)
    services.pick_line(order.public_id, line.line_no, actor=actor)


def _none(order: Order, form: QueryDict, actor: Actor) -> None:
    services.strike_out_line(order.public_id, _line(order, form).line_no, actor=actor)


def _ready(order: Order, _form: QueryDict, actor: Actor) -> None:
    services.mark_ready(order.public_id, actor=actor)


VERBS: dict[str, Callable[[Order, QueryDict, Actor], None]] = {
    "picked": _pick,
    "only": _only,
    "none": _none,
    "ready": _ready,
}


def _line(order: Order, form: QueryDict) -> OrderLine:
    number = form.get("line", "")
    line = next((line for line in order.lines.all() if str(line.line_no) == number), None)
    if line is None:
        raise Http404
    return line
