"""Shops and what they sell, for support to mend. What customers see live goes through the shop's own services."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from config.ground.figures import money
from orders import services
from orders.actors import as_staff
from orders.models import Category, OpeningHours, Option, OptionGroup, Product, Shop, ShopStaff


class OpeningHoursInline(TabularInline):
    """When the shop is open."""

    model = OpeningHours
    extra = 0


class ShopStaffInline(TabularInline):
    """Who works there."""

    model = ShopStaff
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Shop)
class ShopAdmin(ModelAdmin):
    """One shop. The switch goes through `set_open`, so that every screen hears of it."""

    list_display = ["public_id", "name_en", "name_zh", "trade", "is_listed", "is_open", "paused_until"]
    list_filter = [("trade", ChoicesDropdownFilter), "is_open", "is_listed"]
    search_fields = ["public_id", "name_en", "name_zh"]
    readonly_fields = ["public_id", "version", "paused_until", "busy_minutes"]
    inlines = [OpeningHoursInline, ShopStaffInline]
    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never: its orders are kept. Take it off the list instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Shop, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Write what is only written down; tell what customers see."""
        wants_open = obj.is_open
        if change and "is_open" in form.changed_data:
            obj.is_open = not wants_open
        super().save_model(request, obj, form, change)
        if change and "is_open" in form.changed_data:
            services.set_open(obj.public_id, is_open=wants_open, actor=as_staff(request.user))  # type: ignore[arg-type]


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    """A section of a menu."""

    list_display = ["name_en", "name_zh", "shop", "place"]
    list_filter = [("shop", AutocompleteSelectFilter)]
    list_filter_submit = True
    search_fields = ["name_en", "name_zh"]
    autocomplete_fields = ["shop"]
    list_select_related = ["shop"]
    actions = None


class OptionGroupInline(TabularInline):
    """The choices of a product; their options are on the choice's own page."""

    model = OptionGroup
    extra = 0
    show_change_link = True


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    """One product. Price, listing and sold out go through the shop's services, so that carts hear of them."""

    list_display = ["public_id", "name_en", "name_zh", "shop", "category", "price", "is_listed", "is_sold_out"]
    list_filter = [
        ("shop", AutocompleteSelectFilter),
        ("stock_kind", ChoicesDropdownFilter),
        "is_sold_out",
        "is_listed",
    ]
    list_filter_submit = True
    search_fields = ["public_id", "name_en", "name_zh", "barcode"]
    autocomplete_fields = ["shop", "category"]
    list_select_related = ["shop", "category"]
    readonly_fields = ["public_id", "stock_kind", "pool", "back_at", "picture"]
    inlines = [OptionGroupInline]
    actions = None
    told = ("price_minor", "is_listed", "is_sold_out")

    @admin.display(description=_("price"), ordering="price_minor")
    def price(self, product: Product) -> str:
        """With its sign."""
        return money(product.price_minor)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never: lines of orders point at it. Take it off the menu instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Write what is only written down; tell what customers see."""
        wanted = {name: getattr(obj, name) for name in self.told if change and name in form.changed_data}
        for name in wanted:
            setattr(obj, name, form.initial[name])
        super().save_model(request, obj, form, change)
        actor = as_staff(request.user)  # type: ignore[arg-type]
        if "price_minor" in wanted:
            services.set_price(obj.public_id, price_minor=wanted["price_minor"], actor=actor)
        if "is_listed" in wanted:
            services.set_listed(obj.public_id, listed=wanted["is_listed"], actor=actor)
        if "is_sold_out" in wanted:
            services.set_sold_out(obj.public_id, sold_out=wanted["is_sold_out"], actor=actor)


class OptionInline(TabularInline):
    """The answers."""

    model = Option
    extra = 0


@admin.register(OptionGroup)
class OptionGroupAdmin(ModelAdmin):
    """A choice with its options."""

    list_display = ["name_en", "name_zh", "product", "least", "most"]
    search_fields = ["name_en", "name_zh", "product__name_en"]
    autocomplete_fields = ["product"]
    inlines = [OptionInline]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[OptionGroup]:
        """With the product."""
        return super().get_queryset(request).select_related("product")
