"""Heaps of card keys: making one, and taking a key out that the shop knows to be bad."""

from django.db import transaction

from config.ground import vault
from orders.catalog.models import Shop
from orders.services.keybook import void_key
from orders.stock.models import Key, KeyPool


@transaction.atomic
def add_pool(shop_id: str, *, name: str, uses: int = 1) -> KeyPool:
    """A new, empty pool; with `uses` > 1 one key serves so many buyers."""
    return KeyPool.objects.create(shop=Shop.objects.get(public_id=shop_id), name=name, uses=uses)


def void_text(pool: KeyPool, text: str) -> bool:
    """Take the key with this text out of the pool; False when it is not there or no longer for sale.

    The shop pastes the key it means: nobody can list keys, so nobody can pick one from a list.
    """
    mark = vault.fingerprint(text.strip(), f"key|{pool.pk}")
    key = Key.objects.filter(pool=pool, fingerprint=mark).first()
    return key is not None and void_key(key.public_id)
