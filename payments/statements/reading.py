"""A shop's statement, read from the books: each movement, each day, each span of days, equal to the ledger to the fen.

Called by payments/merchant/statement.py, payments/api/ and file.py beside it. A day is a day of the shop’s zone.
Two columns: `amount` is what the shop earned (revenue, less the fees that are charged to it), `till` what its own till
has; cash taken at the counter is in both.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from orders.models import Order, Shop, Trade
from orders.span import Span
from payments import ledger
from payments.models import LedgerAccount, LedgerEntry, LedgerPosting

PAGE = 100
STREAMED = 1_000  # entries per query of a whole file
EARNING = (*(f"{ledger.REVENUE}{trade}" for trade in Trade.values), ledger.GATEWAY_FEE)
Totals = dict[str, Any]  # one row of a GROUP BY
KINDS = {
    LedgerEntry.Kind.PAYMENT: "paid",
    LedgerEntry.Kind.REFUND: "refund",
    LedgerEntry.Kind.FEE: "fee",
    LedgerEntry.Kind.CASH: "cash",
}


@dataclass(frozen=True)
class Line:
    """One movement; amounts in minor units, minus for what went."""

    ref: str
    at: datetime
    kind: str  # paid, refund, fee, cash
    way: str  # WECHAT, ALIPAY, RIDER, TILL, BANK; empty when the books do not say
    order_ref: str
    number: int | None  # the short number of the order
    amount_minor: int
    till_minor: int


@dataclass(frozen=True)
class Sums:
    """What moved in a span. All but `net_minor` are not negative, except fees that were given back."""

    paid_minor: int = 0
    refunded_minor: int = 0
    fees_minor: int = 0
    till_in_minor: int = 0
    till_out_minor: int = 0
    movements: int = 0

    @property
    def net_minor(self) -> int:
        """What the shop earned."""
        return self.paid_minor - self.refunded_minor - self.fees_minor

    @property
    def till_minor(self) -> int:
        """By how much the till changed."""
        return self.till_in_minor - self.till_out_minor


@dataclass(frozen=True)
class Statement:
    """A span with what stood before and after it."""

    span: Span
    sums: Sums
    opening_minor: int
    till_opening_minor: int

    @property
    def closing_minor(self) -> int:
        """What the shop has earned up to the end."""
        return self.opening_minor + self.sums.net_minor

    @property
    def till_closing_minor(self) -> int:
        """What the till has at the end."""
        return self.till_opening_minor + self.sums.till_minor


def statement(span: Span) -> Statement:
    """The totals of a span and what was carried into it."""
    own = _own(span.shop)
    before = _postings(span.shop, own).filter(entry__booked_at__lt=span.start)
    found = before.aggregate(earned=Sum("amount_minor", filter=own.earned), till=Sum("amount_minor", filter=own.till))
    return Statement(
        span=span,
        sums=_sums(_totals(_within(span, own), own, "entry__kind")),
        opening_minor=-(found["earned"] or 0),
        till_opening_minor=found["till"] or 0,
    )


def days(span: Span) -> list[tuple[date, Sums]]:
    """Every day of the span on which something moved, oldest first."""
    own = _own(span.shop)
    rows = _within(span, own).annotate(day=TruncDate("entry__booked_at", tzinfo=span.shop.tz))
    by_day: dict[date, list[Totals]] = {}
    for row in _totals(rows, own, "day", "entry__kind"):
        by_day.setdefault(row["day"], []).append(row)
    return [(day, _sums(by_day[day])) for day in sorted(by_day)]


def lines(span: Span, *, after: str = "", limit: int = PAGE) -> tuple[list[Line], str]:
    """The movements in the order of the books, and the `ref` after which the next page begins ("" at the end).

    Raises LedgerEntry.DoesNotExist for an `after` that is no movement of this shop.
    """
    entries = _entries(span)
    if after:
        last = LedgerEntry.objects.only("booked_at").get(ref=after, shop=span.shop)
        entries = entries.filter(Q(booked_at__gt=last.booked_at) | Q(booked_at=last.booked_at, pk__gt=last.pk))
    page = list(entries[: limit + 1])
    more = page[limit - 1].ref if len(page) > limit else ""
    return list(_lines(span.shop, page[:limit])), more


def every_line(span: Span) -> Iterator[Line]:
    """All movements, read page by page, so that a file of any length is sent as it is read."""
    after = ""
    while True:
        page, after = lines(span, after=after, limit=STREAMED)
        yield from page
        if not after:
            return


def first_day(shop: Shop) -> date | None:
    """The day of the shop's first movement; None when nothing moved yet."""
    entry = LedgerEntry.objects.filter(shop=shop).order_by("booked_at", "pk").first()
    return entry.booked_at.astimezone(shop.tz).date() if entry else None


@dataclass(frozen=True)
class _Own:
    """Which postings are the shop's: of the accounts it earns by, of its till. By key, so that an index suffices."""

    earned: Q
    till: Q


def _own(shop: Shop) -> _Own:
    till = ledger.till_of(shop)
    accounts = LedgerAccount.objects.filter(name__in=[*EARNING, till], currency=shop.currency)
    keys = dict(accounts.values_list("name", "pk"))
    earned = [pk for name, pk in keys.items() if name != till]
    return _Own(Q(account__in=earned or [0]), Q(account=keys.get(till, 0)))


def _postings(shop: Shop, own: _Own) -> QuerySet[LedgerPosting]:
    rows = LedgerPosting.objects.filter(entry__shop=shop, entry__currency=shop.currency)
    return rows.filter(own.earned | own.till)


def _within(span: Span, own: _Own) -> QuerySet[LedgerPosting]:
    return _postings(span.shop, own).filter(entry__booked_at__gte=span.start, entry__booked_at__lt=span.end)


def _totals(rows: QuerySet[LedgerPosting], own: _Own, *by: str) -> Iterable[Totals]:
    return rows.values(*by).annotate(
        earned=Sum("amount_minor", filter=own.earned, default=0),
        till_in=Sum("amount_minor", filter=own.till & Q(amount_minor__gt=0), default=0),
        till_out=Sum("amount_minor", filter=own.till & Q(amount_minor__lt=0), default=0),
        n=Count("entry", distinct=True),
    )


def _sums(rows: Iterable[Totals]) -> Sums:
    found = list(rows)
    earned = dict.fromkeys(KINDS.values(), 0)
    for row in found:
        earned[KINDS[row["entry__kind"]]] -= row["earned"]
    return Sums(
        paid_minor=earned["paid"],
        refunded_minor=-earned["refund"],
        fees_minor=-earned["fee"],
        till_in_minor=sum(row["till_in"] for row in found),
        till_out_minor=-sum(row["till_out"] for row in found),
        movements=sum(row["n"] for row in found),
    )


def _entries(span: Span) -> QuerySet[LedgerEntry]:
    """Entries of the span that touch the shop's money; those that only pass through suspense are none of its."""
    own = _own(span.shop)
    touched = LedgerPosting.objects.filter(own.earned | own.till, entry=OuterRef("pk"))
    rows = LedgerEntry.objects.filter(shop=span.shop, currency=span.shop.currency)
    rows = rows.filter(booked_at__gte=span.start, booked_at__lt=span.end)
    return rows.filter(Exists(touched)).order_by("booked_at", "pk")


def _lines(shop: Shop, entries: list[LedgerEntry]) -> Iterator[Line]:
    moved: dict[int, dict[str, int]] = {entry.pk: {} for entry in entries}
    for pk, name, amount in LedgerPosting.objects.filter(entry__in=entries).values_list(
        "entry_id", "account__name", "amount_minor"
    ):
        moved[pk][name] = amount
    refs = [entry.order_ref for entry in entries if entry.order_ref]
    numbers = dict(Order.objects.filter(public_id__in=refs).values_list("public_id", "number"))
    for entry in entries:
        yield _line(shop, entry, moved[entry.pk], numbers.get(entry.order_ref))


def _line(shop: Shop, entry: LedgerEntry, moved: dict[str, int], number: int | None) -> Line:
    own = {
        name: amount for name, amount in moved.items() if name.startswith(ledger.REVENUE) or name == ledger.GATEWAY_FEE
    }
    till = ledger.till_of(shop)
    return Line(
        ref=entry.ref,
        at=entry.booked_at,
        kind=KINDS[LedgerEntry.Kind(entry.kind)],
        way=_way(moved, till),
        order_ref=entry.order_ref,
        number=number,
        amount_minor=-sum(own.values()),
        till_minor=moved.get(till, 0),
    )


def _way(moved: dict[str, int], till: str) -> str:
    """Where the money came from or went, as the account on the other side says."""
    for name in sorted(moved, key=lambda name: name == till):  # the till itself only when there is nothing else
        if name.startswith("gateway:"):
            return name.removeprefix("gateway:")
        if name.startswith(f"{ledger.CASH}rider:"):
            return "RIDER"
        if name == ledger.BANK:
            return "BANK"
    return "TILL" if till in moved else ""
