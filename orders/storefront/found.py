"""What an address of the storefront names: the shop or product that customers may see, or "not found"."""

from django.http import Http404

from orders.catalog.models import Shop
from orders.storefront.shelves import Good, goods_of


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
