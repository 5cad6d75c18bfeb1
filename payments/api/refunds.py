"""Refunds by API: those of an order, for everybody who takes part in its money; returning some, for its shop."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.ground import ids
from config.ground.figures import money
from orders.api import shapes
from orders.api.asking import View, acting, checked, created_once, seen_order
from orders.api.orders import IDEMPOTENCY, Page
from orders.order.models import Order
from orders.services import NoSuchOrder
from payments import services
from payments.amounts import typed_minor
from payments.models import Disposition, Refund
from payments.refusals import AmountWrong, CurrencyWrong
from payments.words import reason_of

MOMENTS = ("requested", "submitted", "accepted", "succeeded")


class RefundRequest(serializers.Serializer[Any]):
    """What goes back: an amount, what is left of a line, or (without both) all that is left; and why."""

    amount = serializers.CharField(max_length=20, required=False, help_text="decimal text such as `12.50`")
    currency = serializers.CharField(max_length=3, required=False, help_text="that of the order, if sent")
    line = serializers.IntegerField(min_value=1, required=False, help_text="a line of the order")
    words = serializers.CharField(max_length=200, help_text="why; the customer reads it")


class RefundShape(serializers.Serializer[Any]):
    """One refund; a moment that has not come yet is null."""

    refundId = serializers.CharField()
    orderId = serializers.CharField()
    amount = shapes.Total()
    reason = serializers.ChoiceField(choices=Refund.Reason.values)
    reasonText = serializers.CharField(help_text="for this reader, in the language asked for")
    line = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(choices=Refund.State.values)
    channel = serializers.CharField(help_text="how it goes back: WECHAT, ALIPAY, CASH, or BANK for a transfer")
    requestedAt = serializers.DateTimeField()
    submittedAt = serializers.DateTimeField(allow_null=True)
    acceptedAt = serializers.DateTimeField(allow_null=True)
    succeededAt = serializers.DateTimeField(allow_null=True)


class RefundPage(serializers.Serializer[Any]):
    """A page of refunds, the newest first, and what could still be returned of the order."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    left = shapes.Total()
    results = RefundShape(many=True)


class RefundsView(View):
    """The refunds of one order."""

    @extend_schema(
        operation_id="listRefunds",
        summary="What of an order's money went back, newest first",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        responses={200: RefundPage, 404: shapes.PROBLEM},
    )
    def get(self, request: Request, order_id: str) -> Response:
        """For its customer, its shop and support; a rider finds nothing here."""
        order, role = _with_money(request, order_id)
        pages = Page()
        page = pages.paginate_queryset(_seen_by(role, order), request, view=self) or []
        document = {
            "next": pages.get_next_link(),
            "previous": pages.get_previous_link(),
            "left": shapes.total(services.left_to_return(order), order.currency),
            "results": [_shape(refund, order, role) for refund in page],
        }
        return Response(document, headers={"Cache-Control": "private, no-cache"})

    @extend_schema(
        operation_id="createRefund",
        summary="Return money of an order of your shop",
        request=RefundRequest,
        parameters=[IDEMPOTENCY],
        responses={201: RefundShape, 404: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def post(self, request: Request, order_id: str) -> Response:
        """After the order was accepted; send an `Idempotency-Key`, so that a repeated call returns nothing twice."""
        order, role = _with_money(request, order_id)
        if role != "merchant":
            raise NoSuchOrder
        body = checked(RefundRequest, request.data)

        def work() -> tuple[int, dict[str, Any]]:
            refund = services.refund_by_shop(
                order.public_id,
                amount_minor=_minor(order, body),
                line_no=body.get("line"),
                words=body["words"],
                key=ids.new_id("rk"),
                actor=acting(request, role),
            )
            return 201, _shape(refund, order, role)

        return created_once(request, f"createRefund {order.public_id}", work)


def _with_money(request: Request, order_id: str) -> tuple[Order, str]:
    """The order, for a role whose business its money is."""
    order, role = seen_order(request, order_id)
    if role == "rider":
        raise NoSuchOrder
    return order, role


def _seen_by(role: str, order: Order) -> QuerySet[Refund]:
    """Late and double money is between the customer and us: a shop is not told."""
    rows = Refund.objects.filter(attempt__order=order).select_related("attempt")
    return rows.filter(attempt__disposition=Disposition.APPLIED) if role == "merchant" else rows


def _minor(order: Order, body: dict[str, Any]) -> int | None:
    """The amount in minor units; None when none was sent. Raises AmountWrong, CurrencyWrong."""
    left = money(services.left_to_return(order), order.currency)
    if body.get("currency", order.currency) != order.currency:
        raise CurrencyWrong(field="currency", currency=order.currency, amount=left)
    if "amount" not in body:
        return None
    amount = typed_minor(body["amount"])
    if not amount:
        raise AmountWrong(field="amount", amount=left)
    return amount


def _shape(refund: Refund, order: Order, role: str) -> dict[str, Any]:
    moments = {f"{name}At": getattr(refund, f"{name}_at") for name in MOMENTS}
    return {
        "refundId": refund.out_refund_no,
        "orderId": order.public_id,
        "amount": shapes.total(refund.amount_minor, order.currency),
        "reason": refund.reason,
        "reasonText": reason_of(refund, role),
        "line": refund.line_no,
        "state": str(refund.state),
        "channel": refund.way or refund.attempt.channel,
        **{name: at.isoformat() if at else None for name, at in moments.items()},
    }
