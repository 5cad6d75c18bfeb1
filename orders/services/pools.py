"""Heaps of card keys: making one, its limits, and telling the shop once when one runs low."""

from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground import clock
from config.ground.problems import Refusal
from notifications import log
from orders.actors import SYSTEM
from orders.catalog.models import Shop
from orders.services.shelf import tell_what_is_left
from orders.stock import keys
from orders.stock.models import KeyPool


class TooManyForOne(Refusal):
    """More of a pool than one buyer may have, or than there are different keys for them."""

    code = "too_many_for_one"
    status = 409
    message = _("One person can have at most {most} of {item}.")


class LowPool(NamedTuple):
    """A pool that wants keys, and how many units it still has."""

    pool: KeyPool
    left: int


@transaction.atomic
def add_pool(shop_id: str, *, name: str, uses: int = 1, per_buyer: int = 0, low_at: int = 5) -> KeyPool:
    """A new, empty pool; with `uses` > 1 one key serves so many buyers, each of them once."""
    shop = Shop.objects.get(public_id=shop_id)
    return KeyPool.objects.create(shop=shop, name=name, uses=uses, per_buyer=per_buyer, low_at=low_at)


def set_limits(pool: KeyPool, *, per_buyer: int, low_at: int) -> None:
    """How many one buyer may have (0: any number), and from how many on the shop is warned (0: never)."""
    KeyPool.objects.filter(pk=pool.pk).update(per_buyer=per_buyer, low_at=low_at)
    watch(pool.pk)


def tell_pool(pool: KeyPool) -> None:
    """Keys came in or went out by hand: tell screens what is left, and the shop when that is little."""
    for product in pool.products.select_related("shop").order_by("pk"):
        tell_what_is_left(product)
    watch(pool.pk)


@transaction.atomic
def watch(pool_pk: int) -> None:
    """Tell the shop once when the pool has fallen to its mark, and once when it is above it again. Safe to repeat."""
    pool = KeyPool.objects.select_for_update(no_key=True, of=("self",)).select_related("shop").get(pk=pool_pk)
    left = keys.left_in([pool.pk]).get(pool.pk, 0)
    is_low = left <= pool.low_at and pool.low_at > 0
    if is_low == (pool.low_since is not None):
        return
    envelope = log.Envelope(
        stream=pool.stream,
        version=pool.version + 1,
        type="keys.low" if is_low else "keys.refilled",
        data={"pool": pool.public_id, "left": left},
        topics=(f"board/{pool.shop.public_id}", "ops"),
        actor=SYSTEM.role,
        account=SYSTEM.account,
    )
    sql = (
        "moved AS (UPDATE orders_keypool SET low_since = %s, version = version + 1"
        " WHERE id = %s AND version = %s RETURNING id)"
    )
    log.append_with(sql, [clock.now() if is_low else None, pool.pk, pool.version], envelope)


def low_pools(shop: Shop | None = None) -> list[LowPool]:
    """The pools that were reported low and from which something is sold, with what they have now, emptiest first."""
    low = KeyPool.objects.filter(low_since__isnull=False, products__is_listed=True).distinct().select_related("shop")
    found = list(low.filter(shop=shop) if shop else low)
    left = keys.left_in(pool.pk for pool in found)
    return sorted((LowPool(pool, left.get(pool.pk, 0)) for pool in found), key=lambda one: (one.left, one.pool.name))
