"""Shops of three trades and their goods; both languages side by side."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import get_language

from config.ground import clock, ids


def new_shop_id() -> str:
    """A fresh `res_…`."""
    return ids.new_id("res")


def new_product_id() -> str:
    """A fresh `prd_…`."""
    return ids.new_id("prd")


def new_option_id() -> str:
    """A fresh `opt_…`."""
    return ids.new_id("opt")


def in_language(en: str, zh: str) -> str:
    """The text of the active language, falling back to the other one."""
    chinese = (get_language() or "en").startswith("zh")
    return (zh or en) if chinese else (en or zh)


class Trade(models.TextChoices):
    """Which life an order leads: cooked, picked, or issued."""

    MEAL = "MEAL", "Restaurant meals"
    GROCERY = "GROCERY", "Instant groceries"
    DIGITAL = "DIGITAL", "Card keys"


class Named(models.Model):
    """Anything with a name in both languages."""

    name_en = models.CharField(max_length=120)
    name_zh = models.CharField(max_length=120)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name in the active language."""
        return in_language(self.name_en, self.name_zh)


class ShopQuerySet(models.QuerySet["Shop"]):
    """Reads of shops."""

    def listed(self) -> "ShopQuerySet":
        """Shops that customers may see."""
        return self.filter(is_listed=True)

    def of_staff(self, user_id: int | None) -> "ShopQuerySet":
        """Shops where this person works."""
        return self.filter(staff__user_id=user_id)


class Shop(Named):
    """A restaurant, a grocery warehouse or a card-key shop."""

    public_id = models.CharField(max_length=24, unique=True, default=new_shop_id, editable=False)
    trade = models.CharField(max_length=8, choices=Trade.choices)
    about_en = models.CharField(max_length=240, blank=True)
    about_zh = models.CharField(max_length=240, blank=True)
    art = models.CharField(max_length=24, blank=True)  # a drawn picture, used where there is no photograph
    picture = models.ImageField(upload_to="shops/", blank=True)
    line = models.CharField(max_length=200, blank=True)  # the shop's own address, public
    latitude = models.FloatField(default=0)  # WGS-84
    longitude = models.FloatField(default=0)
    radius_m = models.PositiveIntegerField(default=5_000)  # how far it delivers
    zone = models.CharField(max_length=40, default="Asia/Shanghai")
    currency = models.CharField(max_length=3, default="CNY")
    delivery_minor = models.PositiveBigIntegerField(default=0)
    minimum_minor = models.PositiveBigIntegerField(default=0)
    allows_collection = models.BooleanField(default=True)
    is_listed = models.BooleanField(default=True)
    is_open = models.BooleanField(default=True)  # the switch on the board; opening hours apply on top
    paused_until = models.DateTimeField(null=True, blank=True)
    auto_accept = models.BooleanField(default=False)
    prepare_minutes = models.PositiveSmallIntegerField(default=15)  # the preset on the board
    busy_minutes = models.PositiveSmallIntegerField(default=0)  # added while the kitchen is busy
    version = models.PositiveIntegerField(default=0)  # of the stream shop/<id>
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = ShopQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="shop_trade_known", condition=models.Q(trade__in=Trade.values)),
        ]

    @property
    def about(self) -> str:
        """One line about the shop, in the active language."""
        return in_language(self.about_en, self.about_zh)

    @property
    def tz(self) -> ZoneInfo:
        """The zone in which this shop's times are told."""
        return ZoneInfo(self.zone)

    def takes_orders(self, at: datetime, spans: "Iterable[OpeningHours] | None" = None) -> bool:
        """Whether an order placed at `at` is taken: switch on, not paused, within hours (none set = always)."""
        if not (self.is_listed and self.is_open) or (self.paused_until and self.paused_until > at):
            return False
        hours = list(self.hours.all() if spans is None else spans)
        return not hours or any(span.covers(at.astimezone(self.tz)) for span in hours)

    def opens_next(self, at: datetime, spans: "Iterable[OpeningHours] | None" = None) -> datetime | None:
        """When it will take orders again, if that can be told from the hours or the pause."""
        hours = list(self.hours.all() if spans is None else spans)
        moments = [self.paused_until] if self.paused_until and self.paused_until > at else []
        local = at.astimezone(self.tz)
        for day in range(8):
            date = (local + timedelta(days=day)).date()
            for span in hours:
                start = datetime.combine(date, span.opens_at, tzinfo=self.tz)
                if span.weekday == date.weekday() and start > at:
                    moments.append(start)
        return min(moments) if moments and self.is_open else None


class OpeningHours(models.Model):
    """One span of one weekday in the shop's zone; a span that ends before it starts runs past midnight."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField(choices=[(day, str(day)) for day in range(7)])  # Monday is 0
    opens_at = models.TimeField()
    closes_at = models.TimeField()

    class Meta:
        ordering = ["weekday", "opens_at"]
        verbose_name_plural = "opening hours"

    def covers(self, local: datetime) -> bool:
        """Whether this span covers a moment of the shop's own clock."""
        time, yesterday = local.time(), (local.weekday() - 1) % 7
        if self.opens_at <= self.closes_at:
            return self.weekday == local.weekday() and self.opens_at <= time < self.closes_at
        return (self.weekday == local.weekday() and time >= self.opens_at) or (
            self.weekday == yesterday and time < self.closes_at
        )


class Category(Named):
    """A section of a menu."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="categories")
    place = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["place", "id"]
        verbose_name_plural = "categories"


class StockKind(models.TextChoices):
    """How a product runs out."""

    UNLIMITED = "UNLIMITED", "Made to order"
    COUNTED = "COUNTED", "Counted"
    KEYS = "KEYS", "Card keys"


class ProductQuerySet(models.QuerySet["Product"]):
    """Reads of products."""

    def listed(self) -> "ProductQuerySet":
        """Products on the menu (sold-out ones included)."""
        return self.filter(is_listed=True)

    def for_menu(self) -> "ProductQuerySet":
        """With everything that a menu shows, in three queries."""
        return self.select_related("stock", "category", "pool").prefetch_related("groups__options")


class Product(Named):
    """Something a shop sells. What it costs here is what the server charges; a client's price is ignored."""

    public_id = models.CharField(max_length=24, unique=True, default=new_product_id, editable=False)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="products")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    about_en = models.CharField(max_length=240, blank=True)
    about_zh = models.CharField(max_length=240, blank=True)
    price_minor = models.PositiveBigIntegerField()
    art = models.CharField(max_length=24, blank=True)
    picture = models.ImageField(upload_to="products/", blank=True)
    stock_kind = models.CharField(max_length=10, choices=StockKind.choices, default=StockKind.UNLIMITED)
    pool = models.ForeignKey("orders.KeyPool", on_delete=models.PROTECT, null=True, blank=True, related_name="products")
    is_listed = models.BooleanField(default=True)
    is_sold_out = models.BooleanField(default=False)
    back_at = models.DateTimeField(null=True, blank=True)  # sold out only until then
    barcode = models.CharField(max_length=14, blank=True)
    shelf = models.CharField(max_length=12, blank=True)  # where the picker finds it, e.g. A-03-2
    is_cold = models.BooleanField(default=False)  # picked last
    place = models.PositiveSmallIntegerField(default=0)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["category__place", "place", "id"]
        constraints = [
            models.CheckConstraint(
                name="keys_come_from_a_pool",
                condition=models.Q(stock_kind=StockKind.KEYS, pool__isnull=False)
                | (~models.Q(stock_kind=StockKind.KEYS) & models.Q(pool__isnull=True)),
            ),
        ]

    @property
    def about(self) -> str:
        """One line about the product, in the active language."""
        return in_language(self.about_en, self.about_zh)


class OptionGroup(Named):
    """A choice to make about a product, such as spice level: between `least` and `most` options."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="groups")
    least = models.PositiveSmallIntegerField(default=0)
    most = models.PositiveSmallIntegerField(default=1)
    place = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["place", "id"]
        constraints = [
            models.CheckConstraint(name="least_is_not_above_most", condition=models.Q(least__lte=models.F("most"))),
        ]


class Option(Named):
    """One answer of a group, with what it adds to the price."""

    public_id = models.CharField(max_length=24, unique=True, default=new_option_id, editable=False)
    group = models.ForeignKey(OptionGroup, on_delete=models.CASCADE, related_name="options")
    price_minor = models.PositiveBigIntegerField(default=0)
    is_sold_out = models.BooleanField(default=False)
    place = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["place", "id"]
