"""The shop's own switches: on sale, sold out, counts, prices, open, paused. Each is told live on `shop/<id>`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from notifications import log
from orders.actors import SYSTEM, Actor
from orders.catalog.models import Product, Shop, StockKind
from orders.stock import keys
from orders.stock.models import Stock

LOW = 5  # from so many on, customers see how many are left


class CountTooLow(Refusal):
    """Fewer than are already promised."""

    code = "count_too_low"
    status = 409
    message = _("{reserved} of {item} are promised to running orders; the count cannot be lower.")


@transaction.atomic
def set_sold_out(product_id: str, *, sold_out: bool, back_at: datetime | None = None, actor: Actor) -> Product:
    """One tap: sold out everywhere now (until `back_at`, if given), or back on sale."""
    product = _locked(product_id)
    product.is_sold_out, product.back_at = sold_out, back_at if sold_out else None
    product.save(update_fields=["is_sold_out", "back_at"])
    tell_shop(product.shop, "stock.sold_out" if sold_out else "stock.back", _about(product), actor)
    return product


@transaction.atomic
def set_count(product_id: str, *, on_hand: int, actor: Actor) -> Product:
    """So many are in the house. Refuses less than what is promised (CountTooLow)."""
    product = _locked(product_id)
    stock, _made = Stock.objects.select_for_update(no_key=True).get_or_create(product=product)
    if on_hand < stock.reserved:
        raise CountTooLow(field="on_hand", reserved=stock.reserved, item=product.name)
    stock.on_hand = on_hand
    stock.save(update_fields=["on_hand"])
    tell_shop(product.shop, "stock.counted", _about(product), actor)
    return product


@transaction.atomic
def set_price(product_id: str, *, price_minor: int, actor: Actor) -> Product:
    """A new price, for orders from now on."""
    product = _locked(product_id)
    was, product.price_minor = product.price_minor, price_minor
    product.save(update_fields=["price_minor"])
    tell_shop(product.shop, "price.changed", {"product": product_id, "priceMinor": price_minor, "wasMinor": was}, actor)
    return product


@transaction.atomic
def set_listed(product_id: str, *, listed: bool, actor: Actor) -> Product:
    """On the menu, or not."""
    product = _locked(product_id)
    product.is_listed = listed
    product.save(update_fields=["is_listed"])
    tell_shop(product.shop, "product.listed" if listed else "product.unlisted", {"product": product_id}, actor)
    return product


@transaction.atomic
def set_open(shop_id: str, *, is_open: bool, actor: Actor) -> Shop:
    """The switch on the board."""
    shop = _locked_shop(shop_id)
    shop.is_open = is_open
    shop.save(update_fields=["is_open"])
    tell_shop(shop, "shop.opened" if is_open else "shop.closed", {"open": is_open}, actor)
    return shop


@transaction.atomic
def pause(shop_id: str, *, until: datetime | None, actor: Actor) -> Shop:
    """No new orders until then; None ends the pause."""
    shop = _locked_shop(shop_id)
    shop.paused_until = until
    shop.save(update_fields=["paused_until"])
    data = {"open": until is None and shop.is_open, "pausedUntil": until.isoformat() if until else None}
    tell_shop(shop, "shop.paused" if until else "shop.opened", data, actor)
    return shop


@transaction.atomic
def set_busy(shop_id: str, *, minutes: int, actor: Actor) -> Shop:
    """The kitchen is busy: so many minutes are added to every promise; 0 ends it."""
    shop = _locked_shop(shop_id)
    shop.busy_minutes = minutes
    shop.save(update_fields=["busy_minutes"])
    tell_shop(shop, "shop.busy", {"busyMinutes": minutes}, actor)
    return shop


def tell_shop(shop: Shop, type_: str, data: Mapping[str, Any], actor: Actor = SYSTEM) -> None:
    """Append one event to the shop's stream; the caller is inside a transaction."""
    read = _locked_shop(shop.public_id).version
    log.append_with(
        "moved AS (UPDATE orders_shop SET version = version + 1 WHERE id = %s AND version = %s RETURNING version)",
        [shop.pk, read],
        log.Envelope(
            stream=f"shop/{shop.public_id}",
            version=read + 1,
            type=type_,
            data=data,
            actor=actor.role,
            account=actor.account,
        ),
    )


def units_left(product: Product) -> int | None:
    """How many can still be sold; None when it is made to order."""
    return all_units_left([product])[product.pk]


def all_units_left(products: Iterable[Product]) -> dict[int, int | None]:
    """`units_left` of many products in two queries, by primary key."""
    asked = list(products)
    counted = Stock.objects.in_bulk([item.pk for item in asked if item.stock_kind == StockKind.COUNTED])
    pools = keys.left_in({item.pool_id for item in asked if item.pool_id is not None})
    left: dict[int, int | None] = {}
    for item in asked:
        if item.stock_kind == StockKind.COUNTED:
            left[item.pk] = counted[item.pk].left if item.pk in counted else 0
        elif item.stock_kind == StockKind.KEYS and item.pool_id is not None:
            left[item.pk] = pools.get(item.pool_id, 0)
        else:
            left[item.pk] = None
    return left


@transaction.atomic
def tell_what_is_left(product: Product) -> None:
    """Tell screens how many are left (called after orders changed it; harmless to repeat)."""
    tell_shop(product.shop, "stock.left", _about(product))


def _about(product: Product) -> dict[str, Any]:
    left = units_left(product)
    return {"product": product.public_id, "soldOut": product.is_sold_out or left == 0, "left": left}


def _locked(product_id: str) -> Product:
    product = (
        Product.objects.select_for_update(no_key=True, of=("self",)).select_related("shop").get(public_id=product_id)
    )
    _locked_shop(product.shop.public_id)
    return product


def _locked_shop(shop_id: str) -> Shop:
    return Shop.objects.select_for_update(no_key=True).get(public_id=shop_id)
