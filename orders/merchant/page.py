"""One order in full: its lines, its money, why Ready waits, and what happened; reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from config.ground import clock
from notifications.models import Event
from orders.catalog.models import Shop, in_language
from orders.merchant import tickets
from orders.merchant.door import at_shop, order_of
from orders.order.models import Order
from orders.order.states import CancelReason, Status
from orders.people import User
from orders.services.calloff import ACCEPTED
from orders.services.lines import STRIKEABLE
from orders.words import EVENT, PEOPLE, event_word

# What a shop is told; payment attempts and refund steps between gateway and customer are not its business.
TOLD = (
    "order.placed", "order.paid", "order.confirmed", "order.preparing", "order.delayed", "line.struck_out",
    "line.picked", "order.ready", "delivery.claimed", "delivery.released", "order.picked_up", "order.completed",
    "order.cancelled", "refund.succeeded", "key.replaced",
)  # fmt: skip
SHAPES = {"order.cancelled": "ended", "line.struck_out": "halt", "order.paid": "paid", "refund.succeeded": "paid"}


@dataclass(frozen=True)
class Entry:
    """One line of what happened: text, icon, who did it, when."""

    text: str
    icon: str
    shape: str
    who: str
    at: datetime
    minutes: int | None


@at_shop
@require_GET
def order(request: HttpRequest, shop: Shop, order_id: str) -> HttpResponse:
    """The order's page."""
    return show_order(request, shop, order_id)


def show_order(
    request: HttpRequest, shop: Shop, order_id: str, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    """Draw the order's page; a refusal stands above its buttons."""
    found = tickets.counted(order_of(shop, order_id))
    facts = order_facts(found) | {"shop": shop, "section": "orders", "refusal": refusal}
    return render(request, "merchant/order.html", facts, status=status)


def order_facts(order: Order) -> dict[str, Any]:
    """What the page says about one order."""
    ticket = tickets.make_ticket(order, clock.now())
    struck = struck_by(order)
    return {
        "order": order,
        "ticket": ticket,
        "entries": what_happened(order),
        "pace": tickets.pace(order.shop, clock.now()),
        "can_strike": order.status in STRIKEABLE,
        "can_call_off": order.status in ACCEPTED,
        "later_stages": order.status in {Status.PENDING, Status.CONFIRMED, Status.PREPARING},
        "name": order.recipient.get("name", "") or (order.customer.name if order.customer else ""),
        "lines": [(line, struck.get(line.line_no)) for line in ticket.lines],
        "all_lines_out": order.cancel_reason == CancelReason.SOLD_OUT,
    }


def what_happened(order: Order) -> list[Entry]:
    """The order's events that a shop is told, oldest first, with the names of the people who did them."""
    events = list(Event.objects.filter(stream=order.stream, type__in=TOLD).order_by("version"))
    names = _names(events)
    return [_entry(event, names) for event in events if event.type in EVENT]


def struck_by(order: Order) -> dict[int, tuple[str, datetime]]:
    """Line number → who struck it out last, and when."""
    events = list(Event.objects.filter(stream=order.stream, type="line.struck_out").order_by("version"))
    names = _names(events)
    return {int(event.data["line"]): (names.get(event.account, ""), event.at) for event in events}


def _names(events: Sequence[Event]) -> dict[str, str]:
    """Account → name of those who work at the shop; customers and riders are told by their part only."""
    accounts = {event.account for event in events if event.actor in {"merchant", "rider"}}
    return {user.public_id: user.name for user in User.objects.filter(public_id__in=accounts)}


def _entry(event: Event, names: dict[str, str]) -> Entry:
    item = event.data.get("item") or {}
    word = event_word(event.type, event.data, item=in_language(item.get("en", ""), item.get("zh", "")))
    who = names.get(event.account) or PEOPLE[event.actor].text
    minutes = event.data.get("minutes") if event.type in {"order.confirmed", "order.delayed"} else None
    return Entry(word.text, word.icon, SHAPES.get(event.type, "was"), who, event.at, minutes)
