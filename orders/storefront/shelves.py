"""What pages show of shops and goods: open or closed, how long it takes, what is left. Reads only."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Prefetch, Q
from django.utils.formats import date_format

from config.ground import clock
from orders import promise
from orders.catalog.models import Category, OptionGroup, Product, Shop, Trade
from orders.services import all_units_left
from orders.services.shelf import LOW

SHOPS_A_TRADE = 8  # on the home page; the trade's own page shows all
MATCHES_A_SHOP = 3


@dataclass(frozen=True)
class Good:
    """A product as it can be bought now. `left`: units, None when made to order."""

    product: Product
    left: int | None
    at: datetime

    @property
    def is_gone(self) -> bool:
        """Sold out: said by the shop, or nothing is left."""
        product = self.product
        said = product.is_sold_out and (product.back_at is None or product.back_at > self.at)
        return said or self.left == 0 or not product.is_listed

    @property
    def is_low(self) -> bool:
        """So few that customers are told."""
        return self.left is not None and 0 < self.left <= LOW

    @property
    def groups(self) -> list[OptionGroup]:
        """The choices to make."""
        return list(self.product.groups.all())

    def is_complete(self, option_ids: Sequence[str]) -> bool:
        """Whether these options answer every group and none of them is sold out."""
        return not self.open_groups(option_ids)

    def open_groups(self, option_ids: Sequence[str]) -> list[OptionGroup]:
        """The groups with too few or too many options chosen, or with one that is sold out."""
        found = []
        for group in self.groups:
            mine = [option for option in group.options.all() if option.public_id in option_ids]
            fits = group.least <= len(mine) <= group.most and not any(option.is_sold_out for option in mine)
            if not fits:
                found.append(group)
        return found


@dataclass(frozen=True)
class ShopCard:
    """A shop as a list shows it. `span` is (least, most) minutes, None for card keys; `metres` None when unknown."""

    shop: Shop
    is_open: bool
    opens_at: datetime | None
    span: tuple[int, int] | None
    metres: float | None
    matches: tuple[str, ...] = ()

    @property
    def kilometres(self) -> str:
        """The straight way as people say it: `1.2`."""
        return "" if self.metres is None else f"{self.metres / 1000:.1f}"

    @property
    def weekday(self) -> str:
        """The day on which it opens again, in words."""
        return date_format(self.opens_at.astimezone(self.shop.tz), "l") if self.opens_at else ""

    @property
    def opens_today(self) -> bool:
        """Whether it opens again before its own midnight."""
        if self.opens_at is None:
            return False
        zone = self.shop.tz
        return self.opens_at.astimezone(zone).date() == clock.now().astimezone(zone).date()


@dataclass
class Aisle:
    """A section of a menu."""

    category: Category
    goods: list[Good] = field(default_factory=list)


def goods_of(products: Iterable[Product]) -> list[Good]:
    """These products with what is left of each; card keys are counted in one query."""
    found = list(products)
    lefts = all_units_left(found)
    now = clock.now()
    return [Good(product, lefts[product.pk], now) for product in found]


def aisles_of(shop: Shop) -> list[Aisle]:
    """The whole menu in its order; sold-out goods stay in their place."""
    found: dict[int, Aisle] = {}
    for good in goods_of(shop.products.listed().for_menu()):
        category = good.product.category
        found.setdefault(category.pk, Aisle(category)).goods.append(good)
    return list(found.values())


def card_of(shop: Shop, at: datetime, spot: dict[str, float] | None, matches: tuple[str, ...] = ()) -> ShopCard:
    """One shop for a list; `spot` is where the customer is, `{lat, lng}`, if that is known."""
    spans = list(shop.hours.all())
    is_open = shop.takes_orders(at, spans)
    metres = promise.distance_m(shop.latitude, shop.longitude, spot["lat"], spot["lng"]) if spot else None
    span = None
    if shop.trade != Trade.DIGITAL:
        window = promise.window(at, shop.prepare_minutes + shop.busy_minutes, promise.travel_minutes(metres or 0))
        span = (_minutes(window.start - at), _minutes(window.end - at))
    return ShopCard(shop, is_open, None if is_open else shop.opens_next(at, spans), span, metres, matches)


def _minutes(span: timedelta) -> int:
    return max(1, math.ceil(span.total_seconds() / 60))


def cards(shops: Iterable[Shop], spot: dict[str, float] | None, words: str = "") -> list[ShopCard]:
    """Shops for a list, open ones first, then the nearest; closed ones stay visible, last."""
    now = clock.now()
    found = [card_of(shop, now, spot, _matches(shop) if words else ()) for shop in shops]
    return sorted(found, key=lambda card: (not card.is_open, card.metres or 0, card.shop.pk))


def _matches(shop: Shop) -> tuple[str, ...]:
    hits = getattr(shop, "hits", [])
    return tuple(product.name for product in hits[:MATCHES_A_SHOP])


def find(words: str, trade: str) -> Iterable[Shop]:
    """Listed shops of a trade (all, if empty) whose name or goods contain the words, with hours and matching goods."""
    shops = Shop.objects.listed().prefetch_related("hours")
    if trade:
        shops = shops.filter(trade=trade)
    if not words:
        return shops
    named = Q(name_en__icontains=words) | Q(name_zh__icontains=words)
    hits = Product.objects.listed().filter(named)
    sold = Product.objects.listed().filter(named).values("shop_id")
    return shops.filter(named | Q(pk__in=sold)).prefetch_related(Prefetch("products", hits, to_attr="hits"))


def card_goods(words: str, most: int) -> list[Good]:
    """Card keys are looked for by product, not by shop: the ones that match, in stock first."""
    products = Product.objects.listed().for_menu().select_related("shop")
    products = products.filter(shop__trade=Trade.DIGITAL, shop__is_listed=True)
    if words:
        products = products.filter(Q(name_en__icontains=words) | Q(name_zh__icontains=words))
    return sorted(goods_of(products[: most * 2]), key=lambda good: good.is_gone)[:most]
