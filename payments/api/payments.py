"""Paying by API: a way to pay for one's own order, and cash collected by the rider who carries it."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from orders.api import shapes
from orders.api.asking import View, acting, remembered, seen_order
from orders.api.orders import IDEMPOTENCY
from orders.order.models import Order
from orders.order.states import Method
from orders.services import NoSuchOrder
from payments import services
from payments.models import Attempt

AMOUNT = re.compile(r"\A[0-9]{1,9}(\.[0-9]{1,2})?\Z")


class PaymentRequest(serializers.Serializer[Any]):
    """Another channel than the order's, or another form of it, if wanted.

    WeChat Pay: `native` (a code), `h5` (a phone's browser), `jsapi` (a mini-program, with the payer's `openid`).
    Alipay: `page`, `wap` (a phone's browser), `qr` (a code).
    """

    channel = serializers.ChoiceField(choices=[Method.WECHAT, Method.ALIPAY], required=False)
    form = serializers.CharField(max_length=12, required=False)
    openid = serializers.CharField(
        max_length=128, required=False, help_text="`jsapi` only: who pays, as our mini-program knows them"
    )


class Invocation(serializers.Serializer[Any]):
    """What a mini-program hands to `wx.requestPayment` as it is; signed afresh each time."""

    appId = serializers.CharField()
    timeStamp = serializers.CharField(help_text="seconds since 1970, as text")
    nonceStr = serializers.CharField()
    package = serializers.CharField(help_text="`prepay_id=…`")
    signType = serializers.CharField(help_text="`RSA`")
    paySign = serializers.CharField()


class PaymentWay(serializers.Serializer[Any]):
    """How to pay: one of the two addresses or the package for a mini-program, until when."""

    codeUrl = serializers.CharField(required=False, help_text="to be shown as a QR code")
    redirectUrl = serializers.CharField(required=False, help_text="where to send the buyer's browser")
    invocation = Invocation(required=False, help_text="`jsapi`: how the mini-program opens the wallet")
    expiresAt = serializers.DateTimeField()
    state = serializers.CharField()


class CashRequest(serializers.Serializer[Any]):
    """What the rider took, as decimal text; the number of the paper receipt, if there is one."""

    amount = serializers.RegexField(AMOUNT)
    receipt = serializers.CharField(max_length=40, required=False, allow_blank=True)
    currency = serializers.CharField(max_length=3, required=False, help_text="the order's own unless given")


class PaymentsView(View):
    """Ways to pay one order."""

    @extend_schema(
        operation_id="startPayment",
        summary="Get a way to pay your order",
        request=PaymentRequest,
        parameters=[IDEMPOTENCY],
        responses={201: PaymentWay, 404: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM, 503: shapes.PROBLEM},
    )
    def post(self, request: Request, order_id: str) -> Response:
        """Asked again it answers the same way while that is still good."""
        order, role = seen_order(request, order_id)
        if role != "customer":
            raise NoSuchOrder
        body = PaymentRequest(data=request.data)
        body.is_valid(raise_exception=True)

        def work() -> tuple[int, dict[str, Any]]:
            attempt = services.start_payment(
                order.public_id,
                channel=body.validated_data.get("channel", order.method),
                form=body.validated_data.get("form", ""),
                actor=acting(request, role),
                client_ip=request.META.get("REMOTE_ADDR"),
                payer=body.validated_data.get("openid", ""),
            )
            if not attempt.has_a_way:  # not remembered: asked again, the same attempt may have one
                raise services.unreachable(attempt.channel)
            return 201, _way(attempt)

        return remembered(request, f"startPayment {order.public_id}", work)


class CashView(View):
    """Cash at the door."""

    @extend_schema(
        operation_id="collectCash",
        summary="The rider took the cash",
        request=CashRequest,
        responses={200: shapes.OrderResponse, 404: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def post(self, request: Request, order_id: str) -> Response:
        """Exactly what is due; said twice it is booked once."""
        order, role = seen_order(request, order_id)
        if role != "rider":
            raise NoSuchOrder
        body = CashRequest(data=request.data)
        body.is_valid(raise_exception=True)
        services.collect_cash(
            order.public_id,
            actor=acting(request, role),
            amount_minor=_minor(body.validated_data["amount"]),
            receipt=body.validated_data.get("receipt", ""),
            currency=body.validated_data.get("currency", order.currency),
        )
        return Response(shapes.order_response(Order.objects.select_related("shop").get(pk=order.pk)))


def _way(attempt: Attempt) -> dict[str, Any]:
    way: dict[str, Any] = {"expiresAt": attempt.gateway_expires_at.isoformat(), "state": attempt.state}
    if attempt.code_url:
        way["codeUrl"] = attempt.code_url
    if attempt.redirect_url:
        way["redirectUrl"] = attempt.redirect_url
    if attempt.prepay_id:
        way["invocation"] = services.invocation(attempt)
    return way


def _minor(amount: str) -> int:
    whole, _point, cents = amount.partition(".")
    return int(whole) * 100 + int(cents.ljust(2, "0") or 0)
