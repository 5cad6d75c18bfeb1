"""`/restaurants`: the shops and their menus, public and cachable."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from config.ground import clock
from orders.api import shapes
from orders.api.asking import View, public
from orders.catalog.models import Product, Shop
from orders.services import all_units_left

MOST_SHOPS = 100


class RestaurantsView(View):
    """All shops."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="listRestaurants",
        summary="Shops of all three trades",
        parameters=[OpenApiParameter("after", str, description="orderly paging: the last id of the page before")],
        responses={200: shapes.RestaurantPage},
        auth=[],
    )
    def get(self, request: Request) -> Response:
        """At most 100 shops, by id."""
        after = request.query_params.get("after", "")
        rows = Shop.objects.listed().filter(public_id__gt=after).prefetch_related("hours").order_by("public_id")
        return public(request, lambda: {"results": [_shop(shop) for shop in rows[:MOST_SHOPS]]})


class MenuView(View):
    """One shop's menu."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="getMenu",
        summary="A shop's menu with options, prices and what is left",
        responses={200: shapes.Menu, 304: None, 404: shapes.PROBLEM},
        auth=[],
    )
    def get(self, request: Request, shop_id: str) -> Response:
        """The whole menu."""
        shop = Shop.objects.listed().prefetch_related("hours").filter(public_id=shop_id).first()
        if shop is None:
            raise Http404
        products = list(shop.products.listed().for_menu())
        left = all_units_left(products)
        menu = [_product(product, left[product.pk]) for product in products]
        return public(request, lambda: _shop(shop) | {"products": menu})


def _shop(shop: Shop) -> dict[str, Any]:
    return {
        "restaurantId": shop.public_id,
        "trade": shop.trade,
        "name": shop.name,
        "about": shop.about,
        "open": shop.takes_orders(clock.now()),
        "delivery": shapes.total(shop.delivery_minor, shop.currency),
        "minimum": shapes.total(shop.minimum_minor, shop.currency),
        "location": {"lat": shop.latitude, "lng": shop.longitude},
    }


def _product(product: Product, left: int | None) -> dict[str, Any]:
    return {
        "productId": product.public_id,
        "name": product.name,
        "about": product.about,
        "category": product.category.name,
        "price": shapes.total(product.price_minor, "CNY"),
        "soldOut": product.is_sold_out or left == 0,
        "left": left,
        "groups": [
            {
                "name": group.name,
                "least": group.least,
                "most": group.most,
                "options": [
                    {
                        "optionId": option.public_id,
                        "name": option.name,
                        "price": shapes.total(option.price_minor, "CNY"),
                        "soldOut": option.is_sold_out,
                    }
                    for option in group.options.all()
                ],
            }
            for group in product.groups.all()
        ],
    }
