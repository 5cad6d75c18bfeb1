"""Who may enter: every view of a shop is wrapped in `at_shop`, or in `owned` for its owners; others get 404."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from orders.access import owns
from orders.actors import Actor, as_merchant
from orders.catalog.models import Shop
from orders.order.models import Order
from orders.order.states import WAITING_FOR_MONEY
from orders.people import User

View = Callable[..., HttpResponse]
Streaming = Callable[..., HttpResponseBase]


def at_shop(view: View) -> View:
    """`view(request, shop, …)` for staff of that shop; signing in first where needed, 404 for everybody else."""

    @wraps(view)
    def enter(request: HttpRequest, shop_id: str, **rest: object) -> HttpResponse:
        return view(request, shop_of(request, shop_id), **rest)

    return login_required(enter)


def owned(view: Streaming) -> Streaming:
    """`view(request, shop, …)` for owners of that shop, who may see its money; signing in first where needed."""

    @wraps(view)
    def enter(request: HttpRequest, shop: Shop, **rest: object) -> HttpResponseBase:
        if not owns(request.user.pk, shop.public_id):
            raise Http404
        return view(request, shop, **rest)

    return at_shop(enter)  # type: ignore[arg-type] # a streamed answer passes through it too


def shop_of(request: HttpRequest, shop_id: str) -> Shop:
    """The shop, if the person who asks works there. Raises Http404."""
    return get_object_or_404(Shop.objects.of_staff(request.user.pk), public_id=shop_id)


def actor_of(request: HttpRequest) -> Actor:
    """The person who presses, as the log names them."""
    if not isinstance(request.user, User):
        raise Http404
    return as_merchant(request.user)


def order_of(shop: Shop, order_id: str) -> Order:
    """An order of this shop that has come to it: unpaid ones are no business of a shop. Raises Http404."""
    rows = Order.objects.select_related("shop", "customer", "carrier").prefetch_related("lines__product")
    return get_object_or_404(rows.exclude(payment_status__in=WAITING_FOR_MONEY), shop=shop, public_id=order_id)
