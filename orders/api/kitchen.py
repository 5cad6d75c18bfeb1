"""What a shop's own program may do to an order: confirm, reject, start, ready, collected, strike out a line."""

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from orders import services
from orders.actors import Actor
from orders.api import shapes
from orders.api.asking import View, acting, checked, require_staffed
from orders.order.models import Order
from orders.order.states import RejectKind


class Minutes(serializers.Serializer[Any]):
    """Ready in so many minutes."""

    minutes = serializers.IntegerField(min_value=1, max_value=180)


class Rejection(serializers.Serializer[Any]):
    """Why the shop cannot take it."""

    why = serializers.ChoiceField(choices=[kind for kind in RejectKind.values if kind != RejectKind.NO_ANSWER])
    words = serializers.CharField(max_length=200, required=False, allow_blank=True)


class StruckLine(serializers.Serializer[Any]):
    """How many of a line cannot be had; all, unless told."""

    line = serializers.IntegerField(min_value=1)
    quantity = serializers.IntegerField(min_value=1, required=False)


class KitchenView(View):
    """One verb of the shop; subclasses name the body and the service."""

    body: ClassVar[type[serializers.Serializer[Any]] | None] = None

    def answer(self, request: Request, order_id: str) -> Response:
        """Run the verb for staff of the order's shop; the order is not found for anybody else."""
        require_staffed(request, order_id)
        words = checked(self.body, request.data) if self.body is not None else {}
        return Response(shapes.order_response(self.act(order_id, acting(request, "merchant"), words)))

    def act(self, order_id: str, actor: Actor, words: dict[str, Any]) -> Order:
        """The service call."""
        raise NotImplementedError


def _verb(
    name: str,
    summary: str,
    body: type[serializers.Serializer[Any]] | None,
    act: Callable[[str, Actor, dict[str, Any]], Order],
) -> type[KitchenView]:
    """A view for one verb."""

    @extend_schema(
        operation_id=name,
        summary=summary,
        request=body,
        responses={200: shapes.OrderResponse, 404: shapes.PROBLEM, 409: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def post(self: KitchenView, request: Request, order_id: str) -> Response:
        return self.answer(request, order_id)

    def perform(_self: KitchenView, order_id: str, actor: Actor, words: dict[str, Any]) -> Order:
        return act(order_id, actor, words)

    return type(f"{name}View", (KitchenView,), {"body": body, "post": post, "act": perform, "__doc__": summary})


VERBS = {
    "confirm": _verb(
        "confirmOrder",
        "Accept an order and say when it is ready",
        Minutes,
        lambda order, actor, words: services.confirm_order(order, minutes=words["minutes"], actor=actor),
    ),
    "reject": _verb(
        "rejectOrder",
        "Reject an order with a reason; what was paid goes back",
        Rejection,
        lambda order, actor, words: services.reject_order(
            order, why=words["why"], words=words.get("words", ""), actor=actor
        ),
    ),
    "start": _verb(
        "startPreparing",
        "Begin to prepare",
        None,
        lambda order, actor, _words: services.start_preparing(order, actor=actor),
    ),
    "pick": _verb(
        "pickLine",
        "A line of a grocery order is in the bag",
        StruckLine,
        lambda order, actor, words: services.pick_line(order, words["line"], actor=actor),
    ),
    "strike-out": _verb(
        "strikeOutLine",
        "A line cannot be had; what was paid for it goes back",
        StruckLine,
        lambda order, actor, words: services.strike_out_line(
            order, words["line"], quantity=words.get("quantity"), actor=actor
        ),
    ),
    "ready": _verb("markReady", "Packed", None, lambda order, actor, _words: services.mark_ready(order, actor=actor)),
    "collected": _verb(
        "collectOrder",
        "The customer came and took it",
        None,
        lambda order, actor, _words: services.collect_order(order, actor=actor),
    ),
}
