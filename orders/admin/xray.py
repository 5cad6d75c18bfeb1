"""What the X-ray of one order shows of this app: verdict, lines, events, hands. orders/admin/orders.py draws it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from config.ground.figures import clock_time, money, window
from config.ground.word import Word
from notifications.models import Event
from orders import words
from orders.catalog.models import in_language
from orders.order.models import Order
from orders.order.states import Status
from orders.people import User

QUIET = frozenset({"status", "paymentStatus", "word", "facts", "reload", "window", "readyBy", "item"})
SHAPES = {"money": "paid", "stop": "halt", "bad": "halt"}  # a word's family → its dot on the rail


class Seen(NamedTuple):
    """One event of the log as staff read it; `at` to the millisecond, in the shop's zone."""

    version: int
    type: str
    shape: str
    icon: str
    at: datetime
    clock: str
    says: str
    position: int | None


def events_of(order: Order) -> list[Seen]:
    """Everything that happened, first to last."""
    events = list(Event.objects.filter(stream=order.stream).order_by("version"))
    names = names_of(event.account for event in events)
    last = len(events)
    return [_seen(event, names, order, is_last=number == last) for number, event in enumerate(events, start=1)]


def names_of(accounts: Iterable[str]) -> dict[str, str]:
    """Public ids of people → what they are called."""
    people = User.objects.filter(public_id__in={account for account in accounts if account})
    return {person.public_id: person.name for person in people}


def _seen(event: Event, names: dict[str, str], order: Order, *, is_last: bool) -> Seen:
    word = words.EVENT.get(event.type, Word(event.type, event.type, "done", "check"))
    who = names.get(event.account) or words.PEOPLE.get(event.actor, Word(event.actor, event.actor)).text
    is_running = is_last and not order.is_ended
    return Seen(
        version=event.version,
        type=event.type,
        shape="now" if is_running else SHAPES.get(word.family, "was"),
        icon="" if is_running else word.icon or "check",
        at=event.at,
        clock=to_the_millisecond(event.at, order.shop.tz),
        says=" · ".join([who, *_details(event.data)]),
        position=event.position,
    )


def to_the_millisecond(at: datetime, zone: ZoneInfo) -> str:
    """`18:12:03.114`."""
    return f"{clock_time(at, zone, seconds=True)}.{at.microsecond // 1000:03d}"


def _details(data: dict[str, Any]) -> list[str]:
    told = []
    if "item" in data:
        told.append(in_language(data["item"]["en"], data["item"]["zh"]))
    for name, value in data.items():
        if name in QUIET or value in ("", None):
            continue
        told.append(money(value) if name.endswith("Minor") else f"{name} {value}")
    return told


def verdict_of(order: Order, events: list[Seen]) -> dict[str, Any]:
    """The row at the top: what is true now, each with its word and its code."""
    kept = money(order.paid_minor - order.returned_minor, order.currency)
    numbered = sum(event.position is not None for event in events)
    return {
        "status": words.status_word(order, "staff"),
        "payment": words.payment_word(order, "staff", amount=kept),
        "why": words.cancel_word(order, "staff") if order.status == Status.CANCELLED else None,
        "promise": _promise(order),
        "paid": money(order.paid_minor, order.currency),
        "returned": money(order.returned_minor, order.currency),
        "kept": kept,
        "numbered": numbered,
        "events": len(events),
        "position": max((event.position for event in events if event.position), default=None),
        "parties": _parties(order),
    }


def _promise(order: Order) -> str:
    if order.promised_from is None or order.promised_to is None:
        return ""
    return window(order.promised_from, order.promised_to, order.shop.tz)


def _parties(order: Order) -> str:
    customer = order.customer.name if order.customer else words.PEOPLE["customer"].text
    carrier = order.carrier.name if order.carrier else "–"
    return f"{customer} · {order.shop.name} · {carrier}"


def reach_of(order: Order) -> dict[str, str]:
    """How the customer is reached, the phone number masked to its ends."""
    phone = str(order.recipient.get("phone", "")) or (order.customer.phone if order.customer else "")
    return {"phone": f"{phone[:3]} **** {phone[-4:]}" if phone else "", "method": words.CHANNEL[order.method].text}
