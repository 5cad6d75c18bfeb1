"""Giving a buyer another key for a bad one: support's repair. The old key is void, the buyer is told."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from orders.actors import Actor
from orders.order import road
from orders.order.models import Order
from orders.order.road import Step
from orders.services.looks import issue_of
from orders.services.pools import tell_pool
from orders.stock import keys
from orders.stock.models import Key, KeyVoiding

REASON = "replaced for its buyer"  # why support did it stands in StaffAction, in support's own words


class NoKeyLeft(Refusal):
    """The pool has none to replace it with."""

    code = "no_key_left"
    status = 409
    message = _("No key is left in “{pool}”. Ask the shop to import more, or return the money.")


@transaction.atomic
def replace_key(order_id: str, line_no: int, unit_no: int, *, actor: Actor) -> Order:
    """Another key for this unit, at once; the bad one is void and goes to nobody any more.

    Raises NoSuchOrder when nothing is issued for the unit, NoKeyLeft.
    """
    order = road.locked(order_id)
    bad = issue_of(order_id, line_no, unit_no)
    key = Key.objects.select_for_update(no_key=True, of=("self",)).select_related("pool").get(pk=bad.key_id)
    pool = key.pool
    if key.state != Key.State.VOID:  # a shared key may be void for another buyer's sake already
        kind = KeyVoiding.Kind.REPLACED
        key.voiding = KeyVoiding.objects.create(pool=pool, kind=kind, count=1, reason=REASON, by=actor.account)
        key.state = Key.State.VOID
        key.save(update_fields=["state", "voiding"])
    if keys.replace(bad) is None:
        raise NoKeyLeft(pool=pool.name)
    told = {"line": line_no, "unit": unit_no, "reload": ["keys"]}
    moved = road.move(order, None, Step("key.replaced", told), actor)
    tell_pool(pool)
    return moved
