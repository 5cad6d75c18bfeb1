"""What all views of the API share: who asks, which order they may see, how answers are cached."""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.utils.translation import get_language
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from orders.access import Asker, is_support, role_in
from orders.actors import Actor, as_customer, as_merchant, as_rider, as_staff
from orders.api.limits import ReadThrottle, WriteThrottle
from orders.order.models import Order
from orders.order.road import NoSuchOrder
from orders.people import ShopStaff, User
from orders.services import Answer, once, remember

ACTORS: dict[str, Callable[[User], Actor]] = {
    "customer": as_customer,
    "merchant": as_merchant,
    "rider": as_rider,
    "staff": as_staff,
}


class View(APIView):
    """A view of the API: throttled by method, everybody signed in."""

    def get_throttles(self) -> list[BaseThrottle]:
        """Reads and writes are counted apart."""
        return [ReadThrottle() if self.request.method in {"GET", "HEAD", "OPTIONS"} else WriteThrottle()]


def principal(request: Request) -> User:
    """The signed-in account; the permission class has made sure that there is one."""
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated
    return user


def person(request: Request) -> Asker:
    """Who asks, as orders/access.py wants it."""
    user = principal(request)
    return Asker(user.pk, is_support(user), frozenset())


def seen_order(request: Request, order_id: str) -> tuple[Order, str]:
    """An order this principal takes part in, and as what. Anything else is not found."""
    order = Order.objects.select_related("shop", "customer", "carrier").filter(public_id=order_id).first()
    role = role_in(person(request), order) if order is not None else None
    if order is None or role is None:
        raise NoSuchOrder
    return order, role


def require_staffed(request: Request, order_id: str) -> None:
    """Raises NoSuchOrder unless the order is at a shop where this principal works."""
    workplaces = ShopStaff.objects.filter(user=principal(request), shop__orders__public_id=order_id)
    if not workplaces.exists():
        raise NoSuchOrder


def acting(request: Request, role: str) -> Actor:
    """The principal as the actor of a service."""
    return ACTORS[role](principal(request))


Work = Callable[[], tuple[int, dict[str, Any]]]


@cache
def _shape(kind: type[Serializer[Any]]) -> Serializer[Any]:
    return kind()


def checked(kind: type[Serializer[Any]], document: Any) -> dict[str, Any]:
    """The validated body. Raises ValidationError.

    Building a serializer costs more than asking it, and asking leaves nothing behind in it: one of each kind is kept.
    """
    values: dict[str, Any] = _shape(kind).run_validation(document)
    return values


def created_once(request: Request, door: str, work: Work) -> Response:
    """Answer a creating POST by `work`, in a transaction; with an `Idempotency-Key` once, however often it is sent."""
    return _by_key(request, door, work, once, transaction.atomic(work))


def remembered(request: Request, door: str, work: Work) -> Response:
    """As `created_once`, for work that calls a gateway and is safe to repeat by itself."""
    return _by_key(request, door, work, remember, work)


def _by_key(
    request: Request, door: str, work: Work, way: Callable[[str, str, str, bytes, Work], Answer], without_key: Work
) -> Response:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip()
    if not key:
        status, body = without_key()
        return Response(body, status=status)
    raw = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS, default=str)
    answer = way(principal(request).public_id, door, key, raw, work)
    headers = {"Idempotent-Replayed": "true"} if answer.repeated else {}
    return Response(answer.body, status=answer.status, headers=headers)


def private(request: Request, tag: str, read: Callable[[], dict[str, Any]]) -> Response:
    """Answer a private read: `no-cache` with an ETag of version, role and language; 304 when it is known."""
    etag = f'"{tag}-{get_language()}"'
    return _cached(request, etag, read, "private, no-cache")


def public(request: Request, read: Callable[[], dict[str, Any]]) -> Response:
    """Answer a public read: cachable for a short while, with an ETag of the content."""
    body = read()
    digest = hashlib.sha256(orjson.dumps(body, default=str)).hexdigest()[:24]
    return _cached(request, f'"{digest}"', lambda: body, f"public, max-age={settings.API_MENU_SECONDS}")


def _cached(request: Request, etag: str, read: Callable[[], dict[str, Any]], control: str) -> Response:
    headers = {"ETag": etag, "Cache-Control": control, "Vary": "Accept-Language, Authorization, X-Api-Key, Cookie"}
    if control.startswith("public"):
        headers["Vary"] = "Accept-Language"
    known = {tag.strip().removeprefix("W/") for tag in request.META.get("HTTP_IF_NONE_MATCH", "").split(",")}
    if etag in known:
        return Response(status=304, headers=headers)
    return Response(read(), headers=headers)
