"""Who may enter the owner's pages of a shop: its owners; its staff and everybody else get 404."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from orders.catalog.models import Shop
from orders.merchant.door import at_shop
from orders.people import ShopStaff


def is_owner(user_pk: int, shop: Shop) -> bool:
    """Whether this person owns the shop."""
    return ShopStaff.objects.filter(user_id=user_pk, shop=shop, role=ShopStaff.Role.OWNER).exists()


def owned(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """`view(request, shop, …)` for owners of that shop; signing in first where needed."""

    @wraps(view)
    def enter(request: HttpRequest, shop: Shop, **rest: object) -> HttpResponseBase:
        if not is_owner(request.user.pk or 0, shop):
            raise Http404
        return view(request, shop, **rest)

    return at_shop(enter)  # type: ignore[arg-type] # a streamed answer passes through it too
