"""Between shop and door: a carrier takes the order, collects it, hands it over. Called by tracking."""

from django.db import transaction

from config.ground import clock, figures
from orders.actors import Actor
from orders.order import road
from orders.order.models import Fulfilment, Order
from orders.order.road import Step, WrongMoment
from orders.order.states import PaymentStatus, Status
from orders.people import User
from orders.services.refusals import AlreadyClaimed, CashStillDue, NotYourJob
from orders.stock import counted

CLAIMABLE = {Status.CONFIRMED, Status.PREPARING, Status.READY}


@transaction.atomic
def assign_carrier(order_id: str, *, carrier: User, actor: Actor) -> Order:
    """This person will carry it. One winner: everybody later gets AlreadyClaimed."""
    order = road.locked(order_id)
    if order.carrier_id is not None:
        raise AlreadyClaimed(n=0)
    if order.status not in CLAIMABLE or order.fulfilment != Fulfilment.DELIVERY:
        raise WrongMoment(order)
    return road.move(
        order, None, Step("delivery.claimed", {"reload": ["courier"]}, columns={"carrier": carrier}), actor
    )


@transaction.atomic
def release_carrier(order_id: str, *, actor: Actor) -> Order:
    """The carrier gives the job back before collecting it."""
    order = road.locked(order_id)
    if order.carrier_id is None or order.status not in CLAIMABLE:
        raise WrongMoment(order)
    return road.move(order, None, Step("delivery.released", {"reload": ["courier"]}, columns={"carrier": None}), actor)


@transaction.atomic
def pick_up(order_id: str, *, carrier: User, actor: Actor) -> Order:
    """The carrier has it in hand; counted goods have left the shop."""
    order = road.locked(order_id)
    if order.carrier_id != carrier.pk:
        raise NotYourJob
    road.move(order, order.pick_up, Step("order.picked_up", columns={"picked_up_at": clock.now()}), actor)
    counted.take(order.pk)
    return order


@transaction.atomic
def complete_order(order_id: str, *, actor: Actor) -> Order:
    """Handed over at the door. Refuses while cash is due (CashStillDue)."""
    order = road.locked(order_id)
    if order.status == Status.ON_DELIVERY and order.payment_status == PaymentStatus.DUE_ON_DELIVERY:
        raise CashStillDue(amount=figures.money(order.total_minor, order.currency))
    columns = {"ended_at": clock.now()}
    return road.move(order, order.deliver, Step("order.completed", {"how": "DELIVERED"}, columns=columns), actor)
