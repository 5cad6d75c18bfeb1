"""How a shop handles its orders, as opposed to what it sells: whether it accepts by itself."""

from django.db import transaction

from orders.actors import Actor
from orders.catalog.models import Shop
from orders.services.shelf import tell_shop


@transaction.atomic
def set_auto_accept(shop_id: str, *, accepts: bool, actor: Actor) -> Shop:
    """From now on paid orders are accepted by themselves with the shop's usual minutes, or wait for an answer."""
    shop = Shop.objects.select_for_update(no_key=True).get(public_id=shop_id)
    shop.auto_accept = accepts
    shop.save(update_fields=["auto_accept"])
    tell_shop(shop, "shop.auto_accept", {"autoAccept": accepts}, actor)
    return shop
