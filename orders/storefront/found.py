"""What an address of the storefront names: the shop or product that customers may see, or "not found"."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from orders.catalog.models import Shop
from orders.order.road import NoSuchOrder
from orders.storefront.shelves import Good, goods_of

View = Callable[..., HttpResponse]


def listed_shop(shop_id: str) -> Shop:
    """A shop that customers may see, open or closed, with its hours; anything else is not found."""
    shop = Shop.objects.listed().prefetch_related("hours").filter(public_id=shop_id).first()
    if shop is None:
        raise Http404
    return shop


def listed_good(shop: Shop, product_id: str) -> Good:
    """A product on this shop's menu, sold out or not; anything else is not found."""
    goods = goods_of(shop.products.listed().for_menu().filter(public_id=product_id))
    if not goods:
        raise Http404
    return goods[0]


def order_or_missing(view: View) -> View:
    """Answer "we cannot find this order" for an order that is not there, or not this person's: one page for both."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        try:
            return view(request, *args, **named)
        except NoSuchOrder as refusal:
            return render(request, "storefront/missing.html", status=refusal.status)

    return never_cache(answer)
