"""Who may enter the owner's pages of a shop: its owners; its staff and everybody else get 404."""

from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse

from orders.catalog.models import Shop
from orders.merchant.door import View, at_shop
from orders.people import ShopStaff


def is_owner(user_pk: int | None, shop: Shop) -> bool:
    """Whether this person owns the shop."""
    return ShopStaff.objects.filter(user_id=user_pk, shop=shop, role=ShopStaff.Role.OWNER).exists()


def owned(view: View) -> View:
    """`view(request, shop, …)` for owners of that shop; signing in first where needed."""

    @wraps(view)
    def enter(request: HttpRequest, shop: Shop, **rest: object) -> HttpResponse:
        if not is_owner(request.user.pk, shop):
            raise Http404
        return view(request, shop, **rest)

    return at_shop(enter)
