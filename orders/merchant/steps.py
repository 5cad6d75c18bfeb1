"""The buttons of a ticket: each is one service; the answer is the ticket under htmx, else the page it stood on."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from config.ground.problems import Refusal
from orders import services
from orders.actors import Actor
from orders.catalog.models import Shop
from orders.merchant.board import show_board, show_ticket, understand
from orders.merchant.door import actor_of, at_shop, order_of
from orders.merchant.page import show_order
from orders.merchant.saying import sentence

MORE_MINUTES = 5
LONGEST = 6  # digits of minutes


def _accept(order_id: str, form: QueryDict, actor: Actor) -> None:
    minutes = form.get("minutes", "")
    is_some = minutes.isdecimal() and len(minutes) < LONGEST
    services.confirm_order(order_id, minutes=int(minutes) if is_some else 15, actor=actor)


VERBS: dict[str, Callable[[str, QueryDict, Actor], object]] = {
    "accept": _accept,
    "start": lambda order_id, _form, actor: services.start_preparing(order_id, actor=actor),
    "ready": lambda order_id, _form, actor: services.mark_ready(order_id, actor=actor),
    "later": lambda order_id, _form, actor: services.delay_order(order_id, minutes=MORE_MINUTES, actor=actor),
    "collected": lambda order_id, _form, actor: services.collect_order(order_id, actor=actor),
}


@at_shop
@require_POST
def step(request: HttpRequest, shop: Shop, order_id: str, verb: str) -> HttpResponse:
    """Press one button of one ticket."""
    order = order_of(shop, order_id)
    if verb == "understood":
        understand(request, order_id)
        return gone(request, shop)
    if verb not in VERBS:
        raise Http404
    try:
        VERBS[verb](order_id, request.POST, actor_of(request))
    except Refusal as refusal:
        order.refresh_from_db(fields=["status", "payment_status", "confirmed_at"])
        return answer(request, shop, order_id, sentence(refusal, order), refusal.status)
    return answer(request, shop, order_id)


def answer(request: HttpRequest, shop: Shop, order_id: str, refusal: str = "", status: int = 200) -> HttpResponse:
    """Show what came of a press where it was pressed: on the board's ticket, or on the order's own page."""
    on_page = request.POST.get("back") == "order"
    if request.headers.get("HX-Request") and not on_page:
        return show_ticket(request, shop, order_id, refusal=refusal, status=status)
    if not refusal:
        return (
            redirect("merchant:order", shop.public_id, order_id)
            if on_page
            else redirect("merchant:board", shop.public_id)
        )
    if on_page:
        return show_order(request, shop, order_id, refusal=refusal, status=status)
    return show_board(request, shop, refusals={order_id: refusal}, status=status)


def gone(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Take the ticket off this screen."""
    if request.headers.get("HX-Request"):
        return HttpResponse("")
    return redirect("merchant:board", shop.public_id)
