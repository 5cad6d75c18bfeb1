"""`/orders`: place, read, list, cancel, and the time line. One service each; the shapes are orders/api/shapes.py."""

from typing import Any

from drf_spectacular.utils import OpenApiCallback, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from notifications.models import Event
from orders import services
from orders.access import visible_orders
from orders.api import shapes
from orders.api.asking import View, acting, checked, created_once, person, principal, private, seen_order
from orders.services import Item, Placement

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="Same key and body: same answer; another body: 422."
)
ON_CONFIRMED = OpenApiCallback(
    "onOrderConfirmed",
    "{$request.body#/notificationUrl}/order-status",
    decorator=extend_schema(
        request=shapes.OrderStatusUpdate, responses={202: OpenApiResponse(description="Heard (any 2xx counts).")}
    ),
)
ON_CHANGE = OpenApiCallback(
    "onStatusChange",
    "{$request.body#/notificationUrl}",
    decorator=extend_schema(
        request=shapes.StatusChange, responses={202: OpenApiResponse(description="Heard (any 2xx counts).")}
    ),
)


class Page(CursorPagination):
    """Newest first; `limit` up to 100."""

    ordering = "-id"
    page_size = 20
    page_size_query_param = "limit"
    max_page_size = 100

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Read where the page begins. Raises NotFound for a cursor that no page of ours gave out."""
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not str(cursor.position).isdecimal():
            raise NotFound
        return cursor


class OrdersView(View):
    """The collection."""

    @extend_schema(
        operation_id="createOrder",
        summary="Place an order",
        request=shapes.OrderRequest,
        parameters=[IDEMPOTENCY],
        responses={
            201: shapes.OrderResponse,
            401: shapes.PROBLEM,
            409: shapes.PROBLEM,
            413: shapes.PROBLEM,
            422: shapes.PROBLEM,
            429: shapes.PROBLEM,
        },
        callbacks=[ON_CONFIRMED, ON_CHANGE],
    )
    def post(self, request: Request) -> Response:
        """Place an order; paying is a second call."""
        placement = _placement(request, checked(shapes.OrderRequest, request.data))

        def work() -> tuple[int, dict[str, Any]]:
            order = services.place_within(placement, customer=principal(request))
            return 201, shapes.order_response(order)

        response = created_once(request, "createOrder", work)
        response["Location"] = response.data["links"]["self"]
        return response

    @extend_schema(
        operation_id="listOrders",
        summary="Orders you take part in, newest first",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        responses={200: shapes.OrderPage, 401: shapes.PROBLEM, 404: shapes.PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """One page of the principal's orders."""
        pages = Page()
        rows = visible_orders(person(request)).select_related("shop")
        page = pages.paginate_queryset(rows, request, view=self) or []
        document = {
            "next": pages.get_next_link(),
            "previous": pages.get_previous_link(),
            "results": [shapes.order_response(order) for order in page],
        }
        return Response(document, headers={"Cache-Control": "private, no-cache"})


class OrderView(View):
    """One order."""

    @extend_schema(
        operation_id="getOrder",
        summary="Read an order",
        responses={200: shapes.OrderDetail, 304: None, 404: shapes.PROBLEM},
    )
    def get(self, request: Request, order_id: str) -> Response:
        """The order with its lines; 304 while its version is known."""
        order, role = seen_order(request, order_id)
        return private(request, f"{order.version}-{role}", lambda: shapes.order_detail(order, role))


class EventsView(View):
    """The time line."""

    @extend_schema(
        operation_id="listOrderEvents",
        summary="What happened to an order, oldest first",
        parameters=[OpenApiParameter("after", int, description="only versions above this")],
        responses={200: shapes.EventPage, 404: shapes.PROBLEM, 422: shapes.PROBLEM},
    )
    def get(self, request: Request, order_id: str) -> Response:
        """At most 100 events after a version."""
        order, role = seen_order(request, order_id)
        asked = shapes.AfterVersion(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows = Event.objects.filter(stream=order.stream, version__gt=asked.validated_data["after"]).order_by("version")
        events = [shapes.event(row, role) for row in rows[:100]]
        return Response({"results": events, "version": order.version}, headers={"Cache-Control": "private, no-cache"})


class CancelView(View):
    """Cancelling one's own order."""

    @extend_schema(
        operation_id="cancelOrder",
        summary="Cancel your order",
        request=None,
        responses={200: shapes.OrderResponse, 404: shapes.PROBLEM, 409: shapes.PROBLEM},
    )
    def post(self, request: Request, order_id: str) -> Response:
        """Until the shop starts; what was paid goes back by itself."""
        order, role = seen_order(request, order_id)
        if role != "customer":
            raise services.NoSuchOrder
        order = services.cancel_order(order.public_id, reason="CUSTOMER", actor=acting(request, role))
        return Response(shapes.order_response(order))


def _placement(request: Request, body: dict[str, Any]) -> Placement:
    items = [
        Item(
            product_id=item["productId"],
            quantity=item["quantity"],
            option_ids=tuple(option["optionId"] for option in item.get("options", ())),
            note=item.get("note", ""),
        )
        for item in body["items"]
    ]
    return Placement(
        shop_id=body["restaurantId"],
        items=items,
        method=body["paymentMethod"],
        address=body.get("address", {}),
        note=body.get("note", ""),
        notification_url=body.get("notificationUrl", ""),
        language=principal(request).language,
    )
