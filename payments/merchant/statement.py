"""The shop's statement for its owner: a month by days, a day by movements, both as a file."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from config.ground import clock
from orders.catalog.models import Shop
from orders.merchant.door import owned
from orders.span import Span
from payments.models import LedgerEntry
from payments.statements import reading as statements
from payments.statements.file import COLUMNS, file_of
from payments.statements.words import KIND, WAY

LONGEST = 7  # letters of a month, 2026-11


@dataclass(frozen=True)
class Period:
    """A month or a day of a shop, as its address says it: `2026-11`, `2026-11-20`."""

    shop: Shop
    first: date
    is_month: bool

    @property
    def ref(self) -> str:
        """How the address says it."""
        return f"{self.first:%Y-%m}" if self.is_month else f"{self.first:%Y-%m-%d}"

    @property
    def month(self) -> "Period":
        """The month it is or lies in."""
        return Period(self.shop, self.first.replace(day=1), is_month=True)

    @property
    def span(self) -> Span:
        """Its days."""
        return Span(self.shop, self.first, self.next.first - timedelta(days=1))

    @property
    def next(self) -> "Period":
        """The one after it."""
        after = (self.first + timedelta(days=31)).replace(day=1) if self.is_month else self.first + timedelta(days=1)
        return Period(self.shop, after, self.is_month)

    @property
    def before(self) -> "Period":
        """The one before it."""
        day = self.first - timedelta(days=1)
        return Period(self.shop, day.replace(day=1) if self.is_month else day, self.is_month)

    @property
    def is_over(self) -> bool:
        """Whether nothing can be added to it any more."""
        return self.span.end <= clock.now()


def period_of(shop: Shop, ref: str) -> Period:
    """Read an address. Raises Http404 for what is no month or day, and for what has not begun."""
    is_month = len(ref) == LONGEST
    try:
        first = date.fromisoformat(f"{ref}-01" if is_month else ref)
    except ValueError:
        raise Http404 from None
    found = Period(shop, first, is_month)
    if found.ref != ref or not 2000 <= first.year <= 2999 or first > today(shop):
        raise Http404
    return found


def today(shop: Shop) -> date:
    """The day it is in the shop's zone."""
    return clock.now().astimezone(shop.tz).date()


@owned
@require_safe
def statement(request: HttpRequest, shop: Shop) -> HttpResponse:
    """The month it is now."""
    return _month(request, Period(shop, today(shop).replace(day=1), is_month=True))


@owned
@require_safe
def period(request: HttpRequest, shop: Shop, period: str) -> HttpResponse:
    """A month with its days, or a day with its movements; `after` goes to the next page of them."""
    found = period_of(shop, period)
    return _month(request, found) if found.is_month else _day(request, found)


@owned
@require_safe
def file(request: HttpRequest, shop: Shop, period: str) -> HttpResponseBase:
    """The movements of a month or a day for a spreadsheet; see statements/file.py for its columns."""
    del request
    found = period_of(shop, period)
    answer = StreamingHttpResponse(file_of(found.span), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="statement-{shop.public_id}-{found.ref}.csv"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def _month(request: HttpRequest, found: Period) -> HttpResponse:
    facts = _facts(found) | {"days": list(reversed(statements.days(found.span)))}
    return render(request, "merchant/statement.html", facts)


def _day(request: HttpRequest, found: Period) -> HttpResponse:
    after = request.GET.get("after", "")
    try:
        lines, more = statements.lines(found.span, after=after)
    except LedgerEntry.DoesNotExist:
        raise Http404 from None
    said = [(line, KIND[line.kind], WAY.get(line.way)) for line in lines]
    facts = _facts(found) | {"lines": said, "more": more, "after": after}
    return render(request, "merchant/statement_day.html", facts)


def _facts(found: Period) -> dict[str, Any]:
    first = statements.first_day(found.shop)
    return {
        "shop": found.shop,
        "section": "money",
        "part": "statement",
        "period": found,
        "told": statements.statement(found.span),
        "columns": COLUMNS,
        "before": found.before if first and found.span.first > first else None,
        "after_it": found.next if found.next.first <= today(found.shop) else None,
    }
