"""A shop's figures over some days, beside those of as many days before; the statistics page draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from config.ground.word import Word
from notifications.analytics.reading import complete_until
from notifications.analytics.store import Store
from orders.span import Span
from orders.statistics.questions import Asking, asking
from orders.words import CANCEL


class Day(NamedTuple):
    """One day of the shop, also one on which nothing happened."""

    on: date
    orders: int
    cancelled: int
    paid_minor: int
    returned_minor: int

    @property
    def revenue_minor(self) -> int:
        """What is left of what was paid."""
        return self.paid_minor - self.returned_minor


class Wait(NamedTuple):
    """How long something took: over how many orders, in milliseconds; None when there was none."""

    orders: int
    median_ms: int | None
    p90_ms: int | None


@dataclass(frozen=True)
class Figures:
    """Everything about one span. `hours` has 24 counts, `reasons` and `goods` the most frequent first."""

    span: Span
    days: Sequence[Day]
    acceptance: Wait
    preparation: Wait
    sold_out: Mapping[str, int]
    hours: Sequence[int]
    goods: Sequence[Mapping[str, Any]]
    reasons: Sequence[tuple[Word, int]]

    @property
    def orders(self) -> int:
        """How many came to the shop."""
        return sum(day.orders for day in self.days)

    @property
    def cancelled(self) -> int:
        """How many of its orders were cancelled."""
        return sum(day.cancelled for day in self.days)

    @property
    def paid_minor(self) -> int:
        """What was paid."""
        return sum(day.paid_minor for day in self.days)

    @property
    def returned_minor(self) -> int:
        """What went back."""
        return sum(day.returned_minor for day in self.days)

    @property
    def revenue_minor(self) -> int:
        """What is left of it."""
        return self.paid_minor - self.returned_minor

    @property
    def lost_minor(self) -> int:
        """What sold-out goods cost."""
        return self.sold_out["lost_minor"]

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all happened."""
        return not (self.orders or self.cancelled or self.paid_minor or self.returned_minor or self.lost_minor)


@dataclass(frozen=True)
class Told:
    """What the page says. Nothing that happened before `until` is missing; None: nothing was exported yet."""

    now: Figures
    before: Figures
    until: datetime | None


def read(store: Store, span: Span) -> Told:
    """The figures of a span and of the one before it, from one look at the events. Raises StoreAway, TooBusy."""
    until = complete_until()
    with asking(store, span, span.before) as told:
        return Told(_figures(told, span), _figures(told, span.before), until)


def _figures(told: Asking, span: Span) -> Figures:
    hours = {row["hour"]: row["orders"] for row in told.ask("hours", span)}
    return Figures(
        span=span,
        days=_days(told, span),
        acceptance=Wait(**told.ask("acceptance", span)[0]),
        preparation=Wait(**told.ask("preparation", span)[0]),
        sold_out=told.ask("sold_out", span)[0],
        hours=[hours.get(hour, 0) for hour in range(24)],
        goods=told.ask("goods", span),
        reasons=[(reason_word(row["reason"]), row["orders"]) for row in told.ask("cancellations", span)],
    )


def _days(told: Asking, span: Span) -> list[Day]:
    orders = {row["day"]: row for row in told.ask("orders", span)}
    money = {row["day"]: row for row in told.ask("revenue", span)}
    found = []
    for number in range(span.days):
        on = span.first + timedelta(days=number)
        came, moved = orders.get(on, {}), money.get(on, {})
        found.append(
            Day(
                on,
                came.get("orders", 0),
                came.get("cancelled", 0),
                moved.get("paid_minor", 0),
                moved.get("returned_minor", 0),
            )
        )
    return found


def reason_word(reason: str) -> Word:
    """What a shop calls a reason; one that is not in the glossary stands as it is."""
    words = CANCEL.get(reason) or CANCEL.get(reason.partition(".")[0])
    return words["merchant"] if words else Word(reason, reason)
