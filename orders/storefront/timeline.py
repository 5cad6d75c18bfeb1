"""What happened to an order, line by line, read from the log; the order page draws it and order.js continues it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.ground import figures
from notifications.models import Event
from orders.catalog.models import in_language
from orders.order.models import Fulfilment, Order
from orders.order.states import Status
from orders.words import CHANNEL, EVENT, cancel_word, event_word

# steps that customers need not see one by one; how a refund goes on is told beside the money
UNSEEN = frozenset({
    "order.payment_started", "order.payment_claimed", "order.payment_released", "line.picked", "staff.noted",
    "refund.requested", "refund.submitted", "refund.processing",
})  # fmt: skip
KIND = {"done": "was", "move": "was", "wait": "was", "money": "paid", "stop": "ended", "bad": "halt"}
WHY: dict[str, str | Promise] = {
    "order.confirmed": _("Said {minutes} minutes"),
    "order.delayed": _("{minutes} minutes more"),
}
LAST: dict[str, str | Promise] = {
    Fulfilment.DELIVERY: _("Delivered"),
    Fulfilment.COLLECTION: _("Collected"),
    Fulfilment.ISSUE: _("Keys issued"),
}


@dataclass(frozen=True)
class Moment:
    """One line: `kind` is the class of its shape (was, now, later, halt, ended, paid)."""

    kind: str
    icon: str
    what: str
    why: str = ""
    at: datetime | None = None
    version: int = 0


def timeline(order: Order, events: Iterable[Event]) -> list[Moment]:
    """Everything that happened so far; the newest line of a running order is marked as the present one."""
    lines = [_moment(order, event) for event in events if _is_told(order, event)]
    if order.is_ended:
        return lines
    if lines and lines[-1].kind == "was":
        lines[-1] = replace(lines[-1], kind="now", icon="")
    return [*lines, Moment("later", "", str(LAST[order.fulfilment]), at=order.promised_to)]


def _is_told(order: Order, event: Event) -> bool:
    """A cancelled order's refunds have a card of their own."""
    by_card = order.status == Status.CANCELLED and event.type.startswith("refund.")
    return event.type in EVENT and event.type not in UNSEEN and not by_card


def events_of(order: Order) -> list[Event]:
    """Its stream up to the order's own version, oldest first: what comes later is told by the live line."""
    return list(Event.objects.filter(stream=order.stream, version__lte=order.version).order_by("version"))


def promised_by(events: Iterable[Event]) -> datetime | None:
    """The end of the first window that the shop gave; later windows are measured by it."""
    window = next((event.data["window"] for event in events if event.data.get("window")), None)
    return datetime.fromisoformat(window[1]) if window and window[1] else None


def _moment(order: Order, event: Event) -> Moment:
    item = event.data.get("item") or {"en": "", "zh": ""}
    word = event_word(event.type, event.data, item=in_language(item["en"], item["zh"]))
    return Moment(KIND[word.family], word.icon, word.text, _why(order, event), event.at, event.version)


def _why(order: Order, event: Event) -> str:
    data: dict[str, Any] = event.data
    if event.type == "order.cancelled":
        return cancel_word(order, "customer").text
    if event.type == "order.paid":
        return f"{figures.money(data['amountMinor'], order.currency)} · {CHANNEL[data['channel']].text}"
    if data.get("amountMinor"):
        return figures.money(data["amountMinor"], order.currency)
    if event.type in WHY and order.fulfilment != Fulfilment.ISSUE:
        return str(WHY[event.type]).format(minutes=data.get("minutes", 0))
    return ""


def table(order: Order) -> dict[str, dict[str, str]]:
    """The words of lines that may still come, for order.js: event type → text, kind, icon, why."""
    whys = {} if order.fulfilment == Fulfilment.ISSUE else WHY
    return {
        type_: {"text": word.text, "kind": KIND[word.family], "icon": word.icon, "why": str(whys.get(type_, ""))}
        for type_, word in EVENT.items()
        if type_ not in UNSEEN
    }
