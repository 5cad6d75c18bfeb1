"""Who may enter the owner's pages of a shop: its owners; its staff and everybody else get 404."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from orders.access import owns
from orders.catalog.models import Shop
from orders.merchant.door import at_shop


def owned(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """`view(request, shop, …)` for owners of that shop; signing in first where needed."""

    @wraps(view)
    def enter(request: HttpRequest, shop: Shop, **rest: object) -> HttpResponseBase:
        if not owns(request.user.pk, shop.public_id):
            raise Http404
        return view(request, shop, **rest)

    return at_shop(enter)  # type: ignore[arg-type] # a streamed answer passes through it too
