"""Pages of the queue of differences and of what was set aside; payments/admin/differences.py draws them."""

from collections.abc import Iterator
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from payments.models import Attempt, Difference, Refund

A_PAGE = 100


def asked(request: HttpRequest, name: str) -> str:
    """What the address says, or the form that was sent from there."""
    return request.POST.get(name, "") or request.GET.get(name, "")


def page_of(rows: QuerySet[Difference], number: str, wanted: str) -> Page[Difference]:
    """The page that was asked for; without a number the one on which the wanted row stands, else the first."""
    one = rows.filter(public_id=wanted).first() if wanted and not number else None
    place = _before(rows, one).count() // A_PAGE + 1 if one is not None else number
    return Paginator(rows, A_PAGE).get_page(place)


def aside_count() -> int:
    """How much was set aside."""
    return Attempt.objects.set_aside().order_by().count() + _refunds().count()


def aside_page(number: str) -> Page[int]:
    """A page of it: the places of its rows, counted over both kinds."""
    return Paginator(range(aside_count()), A_PAGE).get_page(number)


def set_aside(page: Page[int]) -> Iterator[dict[str, Any]]:
    """What was set aside, money first, the newest first."""
    start, end = max(0, page.start_index() - 1), page.end_index()
    money = Attempt.objects.set_aside()
    first = money.order_by().count()
    for attempt in money.select_related("order")[start:end]:
        yield {"what": "money", "number": attempt.public_id, "shown": attempt.out_trade_no, "order": attempt.order,
               "amount": attempt.paid_minor, "at": attempt.set_aside_at, "why": attempt.set_aside_why}  # fmt: skip
    for refund in _refunds()[max(0, start - first) : max(0, end - first)]:
        yield {"what": "refunds", "number": refund.out_refund_no, "shown": refund.out_refund_no,
               "order": refund.attempt.order, "amount": refund.amount_minor, "at": refund.set_aside_at,
               "why": refund.set_aside_why}  # fmt: skip


def _before(rows: QuerySet[Difference], one: Difference) -> QuerySet[Difference]:
    """The rows that stand above this one, in either of the queue's orders."""
    if rows.query.order_by == ("-pk",):
        return rows.filter(pk__gt=one.pk)
    return rows.filter(Q(found_at__lt=one.found_at) | Q(found_at=one.found_at, pk__lt=one.pk))


def _refunds() -> QuerySet[Refund]:
    rows = Refund.objects.filter(set_aside_at__isnull=False).select_related("attempt__order")
    return rows.order_by("-set_aside_at", "-pk")
