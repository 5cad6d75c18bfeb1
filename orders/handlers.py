"""What orders does on hearing its own events: tell screens how much is left. Wired in config/events.py."""

from notifications.log import Heard, hears
from orders.catalog.models import Product, StockKind
from orders.order.models import OrderLine
from orders.services.pools import watch
from orders.services.shelf import LOW, tell_what_is_left, units_left


@hears("order.placed", "order.cancelled", "line.struck_out")
def tell_stock(event: Heard) -> None:
    """After an order took or gave back scarce goods, tell its followers what is left, and the shop of low keys."""
    scarce = (
        Product.objects.filter(pk__in=_products_of(event.ref))
        .exclude(stock_kind=StockKind.UNLIMITED)
        .select_related("shop")
        .order_by("pk")
    )
    for product in scarce:
        left = units_left(product)
        if event.type != "order.placed" or (left is not None and left <= LOW):
            tell_what_is_left(product)
    for pool in sorted({product.pool_id for product in scarce if product.pool_id is not None}):
        watch(pool)


def _products_of(order_id: str) -> list[int]:
    lines = OrderLine.objects.filter(order__public_id=order_id)
    return list(lines.values_list("product_id", flat=True))
