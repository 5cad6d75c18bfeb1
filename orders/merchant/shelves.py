"""The products page's rows: what is there, what is promised, what was sold today. Three statements for all goods."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, QuerySet, Sum

from config.ground import clock
from orders.catalog.models import Product, Shop, StockKind
from orders.merchant.tickets import midnight
from orders.order.models import OrderLine
from orders.order.states import RUNNING, WAITING_FOR_MONEY, Status
from orders.services.shelf import LOW
from orders.stock.models import Key

FILTERS = ("all", "out", "low", "hidden")
BACK_HOUR = 10  # “Back tomorrow 10:00”


@dataclass(frozen=True)
class Row:
    """One good with its figures; `left` is None when it is made to order."""

    product: Product
    at: datetime
    left: int | None
    reserved: int
    in_orders: int
    sold_today: int

    @property
    def is_out(self) -> bool:
        """Switched off now; a switch-off that has run out does not count."""
        back = self.product.back_at
        return self.product.is_sold_out and (back is None or back > self.at)

    @property
    def is_empty(self) -> bool:
        """Nothing left although it is on sale."""
        return self.left == 0

    @property
    def is_low(self) -> bool:
        """Few enough that customers are told how many."""
        return self.left is not None and 0 < self.left <= LOW

    def fits(self, which: str) -> bool:
        """Whether the row belongs under one of FILTERS."""
        if which == "out":
            return self.is_out or self.is_empty
        if which == "low":
            return self.is_low
        return not self.product.is_listed if which == "hidden" else True


def rows_of(shop: Shop, products: QuerySet[Product] | None = None) -> list[Row]:
    """The rows of all goods of a shop (or of these), in the order of the menu."""
    at = clock.now()
    asked = shop.products.all() if products is None else products
    found = list(asked.select_related("stock", "category", "pool", "shop").prefetch_related("groups"))
    keys = [product.pk for product in found]
    promised = _promised(keys)
    sold = _sold_since(keys, midnight(shop, at))
    left = _left_in_pools(product.pool_id for product in found)
    return [
        Row(product, at, _left(product, left), *promised.get(product.pk, (0, 0)), sold.get(product.pk, 0))
        for product in found
    ]


def tomorrow(shop: Shop) -> datetime:
    """Tomorrow at BACK_HOUR by the shop's clock."""
    day = midnight(shop, clock.now()) + timedelta(days=1)
    return day.replace(hour=BACK_HOUR)


def _left(product: Product, in_pools: dict[int, int]) -> int | None:
    if product.stock_kind == StockKind.COUNTED:
        stock = getattr(product, "stock", None)
        return stock.left if stock else 0
    if product.stock_kind == StockKind.KEYS:
        return in_pools.get(product.pool_id or 0, 0)
    return None


def _promised(keys: list[int]) -> dict[int, tuple[int, int]]:
    """Product → (units, orders) that running orders hold and that have not left the shop."""
    lines = OrderLine.objects.filter(
        product_id__in=keys, order__status__in=[status for status in RUNNING if status != Status.ON_DELIVERY]
    )
    grouped = lines.values("product_id").annotate(
        units=Sum(F("quantity") - F("struck_quantity")), orders=Count("order", distinct=True)
    )
    return {row["product_id"]: (row["units"], row["orders"]) for row in grouped}


def _sold_since(keys: list[int], since: datetime) -> dict[int, int]:
    lines = OrderLine.objects.filter(product_id__in=keys, order__placed_at__gte=since).exclude(
        order__status=Status.CANCELLED
    )
    counted = lines.exclude(order__payment_status__in=WAITING_FOR_MONEY).values("product_id")
    return {row["product_id"]: row["n"] for row in counted.annotate(n=Sum(F("quantity") - F("struck_quantity")))}


def _left_in_pools(pools: Iterable[int | None]) -> dict[int, int]:
    wanted = {pool for pool in pools if pool}
    if not wanted:
        return {}
    keys = Key.objects.filter(pool_id__in=wanted, state=Key.State.AVAILABLE)
    return {row["pool_id"]: row["n"] for row in keys.values("pool_id").annotate(n=Sum("uses_left"))}
