"""The board: every running order of a shop in its column, and the shop's own switches above it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from config.ground import clock
from orders import services
from orders.catalog.models import Shop, Trade
from orders.merchant import tickets
from orders.merchant.columns import COLUMNS, in_columns
from orders.merchant.door import actor_of, at_shop, order_of
from orders.order.states import WAITING_FOR_MONEY

UNDERSTOOD = "understood_orders"  # session key: cancelled tickets that were read on this screen
KEPT = 200
BUSY_MINUTES = 10
PAUSE_MINUTES = 20


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """My shops; the only one's board at once."""
    shops = list(Shop.objects.of_staff(request.user.pk).order_by("id"))
    if len(shops) == 1:
        return redirect("merchant:board", shops[0].public_id)
    return render(request, "merchant/home.html", {"shops": shops})


@at_shop
@require_GET
def board(request: HttpRequest, shop: Shop) -> HttpResponse:
    """The whole board; under htmx only what stands below the title."""
    return show_board(request, shop)


def show_board(
    request: HttpRequest, shop: Shop, *, refusals: Mapping[str, str] | None = None, status: int = 200
) -> HttpResponse:
    """Draw the board, each refusal on its ticket."""
    template = "merchant/_board.html" if request.headers.get("HX-Request") else "merchant/board.html"
    return render(request, template, board_facts(request, shop, refusals), status=status)


def board_facts(request: HttpRequest, shop: Shop, refusals: Mapping[str, str] | None) -> dict[str, Any]:
    """Everything that the board's templates ask for."""
    now = clock.now()
    understood = request.session.get(UNDERSTOOD, [])
    shown = tickets.read_tickets(shop, now, understood=understood, refusals=refusals)
    columns = in_columns(shop, shown)
    asked = request.GET.get("column", "")
    narrow = asked if asked in COLUMNS else next((c.key for c in columns if c.tickets), columns[0].key)
    return {
        "shop": shop,
        "section": "orders",
        "columns": columns,
        "narrow": narrow,
        "waiting": sum(ticket.column == "new" and not ticket.is_gone for ticket in shown),
        "done": tickets.done_today(shop, now),
        "pace": tickets.pace(shop, now),
        "unanswered": tickets.unanswered_today(shop, now),
        "is_paused": bool(shop.paused_until and shop.paused_until > now),
        "busy_minutes": BUSY_MINUTES,
        "pause_minutes": PAUSE_MINUTES,
        "low": low_keys(shop),
    }


def low_keys(shop: Shop) -> list[services.pools.LowPool]:
    """The pools of a shop of card keys that want refilling."""
    return services.low_pools(shop) if shop.trade == Trade.DIGITAL else []


@at_shop
@require_GET
def ticket(request: HttpRequest, shop: Shop, order_id: str) -> HttpResponse:
    """One ticket as it is now, for the board to put into its column; 204 when it is not (or no longer) on it."""
    if shop.orders.filter(public_id=order_id, payment_status__in=WAITING_FOR_MONEY).exists():
        return HttpResponse(status=204)
    return show_ticket(request, shop, order_id)


def show_ticket(
    request: HttpRequest, shop: Shop, order_id: str, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    """Draw one ticket; the answer names the ticket that it replaces."""
    if order_id in request.session.get(UNDERSTOOD, []):
        return HttpResponse(status=204)
    now = clock.now()
    facts = {
        "shop": shop,
        "ticket": tickets.make_ticket(tickets.counted(order_of(shop, order_id)), now, refusal),
        "pace": tickets.pace(shop, now),
        "unanswered": tickets.unanswered_today(shop, now),
    }
    response = render(request, "merchant/_ticket.html", facts, status=status)
    response["HX-Retarget"] = f"#t-{order_id}"
    response["HX-Reswap"] = "outerHTML"
    response["HX-Reselect"] = "unset"
    return response


def understand(request: HttpRequest, order_id: str) -> None:
    """This screen has read that the order is cancelled."""
    request.session[UNDERSTOOD] = [*request.session.get(UNDERSTOOD, [])[-KEPT:], order_id]


@at_shop
@require_POST
def switch(request: HttpRequest, shop: Shop, what: str) -> HttpResponse:
    """Open or close, busy or not, pause or go on, accept by itself or not; back to where it was pressed."""
    on = request.POST.get("on") == "1"
    actor = actor_of(request)
    if what == "open":
        services.set_open(shop.public_id, is_open=on, actor=actor)
    elif what == "busy":
        services.set_busy(shop.public_id, minutes=BUSY_MINUTES if on else 0, actor=actor)
    elif what == "pause":
        until = clock.now() + timedelta(minutes=PAUSE_MINUTES) if on else None
        services.pause(shop.public_id, until=until, actor=actor)
    else:
        services.set_auto_accept(shop.public_id, accepts=on, actor=actor)
    if request.headers.get("HX-Request"):
        return show_switches(request, shop)
    return redirect(reverse("merchant:board", args=[shop.public_id]))


@at_shop
@require_GET
def switches(request: HttpRequest, shop: Shop) -> HttpResponse:
    """The shop's switches as they are now."""
    return show_switches(request, shop)


def show_switches(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Draw the open switch and the row beside the title."""
    shop.refresh_from_db()
    now = clock.now()
    facts = {
        "shop": shop,
        "pace": tickets.pace(shop, now),
        "is_paused": bool(shop.paused_until and shop.paused_until > now),
        "busy_minutes": BUSY_MINUTES,
        "pause_minutes": PAUSE_MINUTES,
        "low": low_keys(shop),
        "apart": True,
    }
    return render(request, "merchant/_switches.html", facts)
