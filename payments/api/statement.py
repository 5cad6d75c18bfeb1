"""A shop's statement for its own programs: totals of some days and, page by page, every movement."""

from datetime import date, timedelta
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.ground import clock
from config.ground.figures import decimal
from orders.api import shapes
from orders.api.asking import View, principal
from orders.models import Shop
from orders.people import ShopStaff
from orders.span import Span
from payments.models import LedgerEntry
from payments.statements.reading import PAGE, Line, lines, statement

MOST_DAYS = 366
MOST_LINES = 500


class StatementTill(serializers.Serializer[Any]):
    """Cash in the shop's own till: what it had, what came and went, what it has."""

    opening = serializers.CharField()
    came = serializers.CharField()
    went = serializers.CharField()
    closing = serializers.CharField()


class StatementLine(serializers.Serializer[Any]):
    """One movement; `amount` is what the shop earned by it, minus for what went back."""

    at = serializers.DateTimeField()
    orderId = serializers.CharField(allow_null=True)
    number = serializers.IntegerField(allow_null=True, help_text="the short number of the order")
    kind = serializers.ChoiceField(choices=["paid", "refund", "fee", "cash"])
    way = serializers.ChoiceField(choices=["WECHAT", "ALIPAY", "RIDER", "TILL", "BANK"], allow_null=True)
    amount = serializers.CharField()
    till = serializers.CharField(help_text="by how much the cash in the till changed")
    reference = serializers.CharField(help_text="unique for each movement, never reused")


class StatementPage(serializers.Serializer[Any]):
    """Totals of all the days asked for, and one page of their movements, oldest first."""

    restaurantId = serializers.CharField()
    currency = serializers.CharField()
    zone = serializers.CharField(help_text="in which the days begin and end")
    opening = serializers.CharField(help_text="earned before the first day")
    paid = serializers.CharField()
    refunded = serializers.CharField()
    fees = serializers.CharField()
    earned = serializers.CharField(help_text="paid − refunded − fees")
    closing = serializers.CharField(help_text="opening + earned")
    till = StatementTill()
    movements = serializers.IntegerField()
    results = StatementLine(many=True)
    next = serializers.CharField(allow_null=True, help_text="the cursor of the next page")

    def get_fields(self) -> dict[str, Any]:
        """The days too: `from` is no name that Python lets a class use."""
        days = {"from": serializers.DateField(), "to": serializers.DateField()}
        return {**days, **super().get_fields()}


class StatementView(View):
    """A shop's statement, for its owner's key."""

    @extend_schema(
        operation_id="getStatement",
        summary="What moved for your shop, by day and to the fen",
        parameters=[
            OpenApiParameter("from", date, description="first day, in the shop's zone; today unless given"),
            OpenApiParameter("to", date, description=f"last day, included; at most {MOST_DAYS} days in all"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
            OpenApiParameter("limit", int, description=f"movements on a page, 1 to {MOST_LINES}; {PAGE} unless given"),
        ],
        responses={200: StatementPage, 404: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def get(self, request: Request, restaurant_id: str) -> Response:
        """Amounts are decimals in the shop's currency. A movement never changes; one of a past day is not added."""
        owned = ShopStaff.objects.filter(user=principal(request), role=ShopStaff.Role.OWNER).values("shop")
        shop = get_object_or_404(Shop, public_id=restaurant_id, pk__in=owned)
        span = _span(shop, request)
        try:
            page, more = lines(span, after=request.query_params.get("cursor", ""), limit=_limit(request))
        except LedgerEntry.DoesNotExist:
            raise serializers.ValidationError({"cursor": _("No page has this cursor.")}) from None
        document = _document(span) | {"results": [_line(line) for line in page], "next": more or None}
        return Response(document, headers={"Cache-Control": "private, no-cache"})


def _span(shop: Shop, request: Request) -> Span:
    first = _day(request, "from") or clock.now().astimezone(shop.tz).date()
    last = _day(request, "to") or first
    if not first <= last < first + timedelta(days=MOST_DAYS):
        message = _("The last day is not before the first, and at most {n} days go into one answer.")
        raise serializers.ValidationError({"to": message.format(n=MOST_DAYS)})
    return Span(shop, first, last)


def _day(request: Request, name: str) -> date | None:
    typed = request.query_params.get(name)
    if typed is None:
        return None
    try:
        day: date = serializers.DateField().run_validation(typed)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({name: error.detail}) from None
    if not 2000 <= day.year <= 2999:  # nothing is sold then, and the day before the first one exists
        raise serializers.ValidationError({name: _("Write a day such as 2026-11-20.")})
    return day


def _limit(request: Request) -> int:
    typed = request.query_params.get("limit", str(PAGE))
    field = serializers.IntegerField(min_value=1, max_value=MOST_LINES)
    try:
        limit: int = field.run_validation(typed)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"limit": error.detail}) from None
    return limit


def _document(span: Span) -> dict[str, Any]:
    told = statement(span)
    sums = told.sums
    return {
        "restaurantId": span.shop.public_id,
        "currency": span.shop.currency,
        "zone": span.shop.zone,
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "opening": decimal(told.opening_minor),
        "paid": decimal(sums.paid_minor),
        "refunded": decimal(sums.refunded_minor),
        "fees": decimal(sums.fees_minor),
        "earned": decimal(sums.net_minor),
        "closing": decimal(told.closing_minor),
        "till": {
            "opening": decimal(told.till_opening_minor),
            "came": decimal(sums.till_in_minor),
            "went": decimal(sums.till_out_minor),
            "closing": decimal(told.till_closing_minor),
        },
        "movements": sums.movements,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "at": line.at.isoformat(),
        "orderId": line.order_ref or None,
        "number": line.number,
        "kind": line.kind,
        "way": line.way or None,
        "amount": decimal(line.amount_minor),
        "till": decimal(line.till_minor),
        "reference": line.ref,
    }
