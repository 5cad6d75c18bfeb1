"""The documents of the public contract: what requests hold and what answers show (names and shapes are binding)."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from config.ground import figures
from notifications.models import Event
from orders.order.models import Order
from orders.order.states import Method, PaymentStatus, Status
from orders.people import PHONE_DIGITS, digits_of

MOST_ITEMS = 50
MOST_OF_ONE = 99


class OptionChoice(serializers.Serializer[Any]):
    """One chosen option."""

    optionId = serializers.CharField(max_length=24)


class OrderItem(serializers.Serializer[Any]):
    """One product, its options, how many, a note to the kitchen. A price, if sent, is ignored."""

    productId = serializers.CharField(max_length=24)
    quantity = serializers.IntegerField(min_value=1, max_value=MOST_OF_ONE)
    options = OptionChoice(many=True, required=False)
    note = serializers.CharField(max_length=140, required=False, allow_blank=True)


class Location(serializers.Serializer[Any]):
    """A point in WGS-84."""

    lat = serializers.FloatField(min_value=-90, max_value=90)
    lng = serializers.FloatField(min_value=-180, max_value=180)


class Address(serializers.Serializer[Any]):
    """Where to; for card keys `{}` is accepted."""

    name = serializers.CharField(max_length=60, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=20, required=False, allow_blank=True)
    line = serializers.CharField(max_length=200, required=False, allow_blank=True)
    city = serializers.CharField(max_length=60, required=False, allow_blank=True)
    location = Location(required=False)

    def validate_phone(self, value: str) -> str:
        """A mobile number has eleven digits, however it is written."""
        digits = digits_of(value)
        if value and len(digits) != PHONE_DIGITS:
            message = _("{n} digits given; a mobile number has 11. Example: 138 0013 2071.")
            raise serializers.ValidationError(str(message).format(n=len(digits)), code="phone_invalid")
        return digits


class OrderRequest(serializers.Serializer[Any]):
    """What `POST /orders` takes."""

    restaurantId = serializers.CharField(max_length=24)
    items = OrderItem(many=True, allow_empty=False, max_length=MOST_ITEMS)  # type: ignore[call-arg] # of the list
    address = Address(required=False)
    paymentMethod = serializers.ChoiceField(choices=Method.values)
    notificationUrl = serializers.URLField(max_length=500, required=False)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class Total(serializers.Serializer[Any]):
    """An amount as decimal text, and its currency."""

    amount = serializers.CharField()
    currency = serializers.CharField()


class Links(serializers.Serializer[Any]):
    """Where to go on."""

    self = serializers.CharField()
    payments = serializers.CharField()
    events = serializers.CharField()
    page = serializers.CharField()


class OrderResponse(serializers.Serializer[Any]):
    """An order as the API shows it."""

    orderId = serializers.CharField()
    status = serializers.ChoiceField(choices=Status.values)
    paymentStatus = serializers.ChoiceField(choices=PaymentStatus.values)
    total = Total()
    timestamp = serializers.DateTimeField()
    estimatedTime = serializers.IntegerField(required=False, help_text="minutes")
    expiresAt = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()
    links = Links()


class OrderLineShape(serializers.Serializer[Any]):
    """A line of an order."""

    line = serializers.IntegerField()
    productName = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField())
    quantity = serializers.IntegerField()
    struckOut = serializers.IntegerField()
    total = Total()


class OrderDetail(OrderResponse):
    """`GET /orders/{id}`: with its lines."""

    lines = OrderLineShape(many=True)
    doorCode = serializers.CharField(required=False, help_text="the customer says it to the rider; customers only")
    shopCode = serializers.CharField(required=False, help_text="the shop says it to the rider; shops only")
    cancelReason = serializers.CharField(required=False)


class OrderStatusUpdate(serializers.Serializer[Any]):
    """What callbacks tell."""

    orderId = serializers.CharField()
    status = serializers.ChoiceField(choices=Status.values)
    timestamp = serializers.DateTimeField()
    estimatedTime = serializers.IntegerField(required=False, help_text="minutes")
    sequence = serializers.IntegerField(required=False, help_text="version of the order")
    position = serializers.IntegerField(required=False, help_text="position in the log")


class StatusChange(serializers.Serializer[Any]):
    """The body of `onStatusChange`."""

    eventType = serializers.CharField(help_text="e.g. order.confirmed")
    payload = OrderStatusUpdate()


class FieldError(serializers.Serializer[Any]):
    """One thing that needs a look."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """RFC 9457 problem+json."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    field = serializers.CharField(required=False)
    errors = FieldError(many=True, required=False)  # type: ignore[assignment] # the metaclass takes fields off the class
    trace = serializers.CharField(required=False)


PROBLEM = OpenApiResponse(Problem, description="problem+json")


def total(amount_minor: int, currency: str) -> dict[str, str]:
    """`Total` of an amount in minor units."""
    return {"amount": figures.decimal(amount_minor), "currency": currency}


def order_response(order: Order) -> dict[str, Any]:
    """`OrderResponse` as JSON-ready values."""
    root = f"/api/v1/orders/{order.public_id}"
    answer = {
        "orderId": order.public_id,
        "status": str(order.status),
        "paymentStatus": str(order.payment_status),
        "total": total(order.total_minor, order.currency),
        "timestamp": order.placed_at.isoformat(),
        "expiresAt": order.expires_at.isoformat() if order.expires_at else None,
        "version": order.version,
        "links": {
            "self": root,
            "payments": f"{root}/payments",
            "events": f"{root}/events",
            "page": f"{settings.PUBLIC_URL}/orders/{order.public_id}/",
        },
    }
    if order.estimated_minutes is not None:
        answer["estimatedTime"] = order.estimated_minutes
    return answer


def order_detail(order: Order, role: str) -> dict[str, Any]:
    """`OrderDetail` as JSON-ready values, for one role."""
    lines = [
        {
            "line": line.line_no,
            "productName": line.name,
            "options": line.option_names,
            "quantity": line.quantity,
            "struckOut": line.struck_quantity,
            "total": total(line.total_minor - line.struck_minor, order.currency),
        }
        for line in order.lines.all()
    ]
    answer = order_response(order) | {"lines": lines}
    if order.cancel_reason:
        answer["cancelReason"] = order.cancel_reason
    if role == "customer" and order.status == Status.ON_DELIVERY:
        answer["doorCode"] = order.door_code
    if role == "merchant" and not order.is_ended:
        answer["shopCode"] = order.shop_code
    return answer


class OrderPage(serializers.Serializer[Any]):
    """A page of orders; `next` and `previous` are addresses or null."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = OrderResponse(many=True)


class EventShape(serializers.Serializer[Any]):
    """One line of the time line; `data` is what changed."""

    version = serializers.IntegerField()
    position = serializers.IntegerField(allow_null=True)
    type = serializers.CharField()
    at = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment] # as above


class EventPage(serializers.Serializer[Any]):
    """Events after a version, and the order's version now."""

    results = EventShape(many=True)
    version = serializers.IntegerField()


class AfterVersion(serializers.Serializer[Any]):
    """`?after=`."""

    after = serializers.IntegerField(min_value=0, default=0)


class Restaurant(serializers.Serializer[Any]):
    """A shop."""

    restaurantId = serializers.CharField()
    trade = serializers.CharField()
    name = serializers.CharField()
    about = serializers.CharField()
    open = serializers.BooleanField()
    delivery = Total()
    minimum = Total()
    location = Location()


class RestaurantPage(serializers.Serializer[Any]):
    """Shops by id."""

    results = Restaurant(many=True)


class MenuOption(serializers.Serializer[Any]):
    """One answer of a group."""

    optionId = serializers.CharField()
    name = serializers.CharField()
    price = Total()
    soldOut = serializers.BooleanField()


class MenuGroup(serializers.Serializer[Any]):
    """Between `least` and `most` options are to be chosen."""

    name = serializers.CharField()
    least = serializers.IntegerField()
    most = serializers.IntegerField()
    options = MenuOption(many=True)


class MenuProduct(serializers.Serializer[Any]):
    """A product; `left` is null when it is made to order."""

    productId = serializers.CharField()
    name = serializers.CharField()
    about = serializers.CharField()
    category = serializers.CharField()
    price = Total()
    soldOut = serializers.BooleanField()
    left = serializers.IntegerField(allow_null=True)
    groups = MenuGroup(many=True)


class Menu(Restaurant):
    """A shop with everything it sells."""

    products = MenuProduct(many=True)


def event(row: Event, role: str) -> dict[str, Any]:
    """`EventShape` of one log row for one role."""
    return {
        "version": row.version,
        "position": row.position,
        "type": row.type,
        "at": row.at.isoformat(),
        "data": {**row.data, **row.only.get(role, {})},
    }
