"""What can happen between a rider and an order; every door (page, task, handler) calls these and nothing else.

Locks are taken in the one order of the house: order, then delivery.
"""

import hmac

from django.db import transaction

from config.ground import clock, figures
from orders import services as orders
from orders.actors import Actor, as_rider
from orders.order import road
from orders.order.models import Order
from orders.order.road import WrongMoment
from orders.order.states import PaymentStatus, Status
from orders.services.refusals import AlreadyClaimed, CashStillDue, NotYourJob
from tracking import fares, jobs
from tracking.models import Delivery, Rider
from tracking.refusals import CodeWrong, OffDuty, TooManyTries, WrongBag

MOST_TRIES = 5  # wrong door codes before it rests
REST_SECONDS = 300  # with 5 tries in 5 minutes, 10,000 codes would take a week

State = Delivery.State


def go_on_duty(rider: Rider) -> Rider:
    """From now on this rider sees open jobs."""
    return _set_duty(rider, on_duty=True)


def go_off_duty(rider: Rider) -> Rider:
    """No new jobs; what was taken is still to be carried."""
    return _set_duty(rider, on_duty=False)


def _set_duty(rider: Rider, *, on_duty: bool) -> Rider:
    changed = Rider.objects.filter(pk=rider.pk, is_on_duty=not on_duty)
    changed.update(is_on_duty=on_duty, duty_changed_at=clock.now())
    rider.refresh_from_db(fields=["is_on_duty", "duty_changed_at"])
    return rider


@transaction.atomic
def claim(order_id: str, *, rider: Rider) -> Delivery:
    """This rider will carry it. The order's lock lets one win; a second press of the winner changes nothing.

    Raises OffDuty, AlreadyClaimed (with the seconds since), WrongMoment, NoSuchOrder.
    """
    order = road.locked(order_id)
    standing = Delivery.objects.standing().filter(order=order).first()
    if standing is not None and standing.rider_id == rider.pk:
        return standing
    if order.carrier_id is not None:
        raise AlreadyClaimed(n=_seconds_since(standing))
    if not Rider.objects.filter(pk=rider.pk, is_on_duty=True).exists():
        raise OffDuty
    order = orders.assign_carrier(order_id, carrier=rider.user, actor=as_rider(rider.user))
    way_m = jobs.way_of(order)
    return Delivery.objects.create(order=order, rider=rider, way_m=way_m, pay_minor=fares.pay_minor(way_m))


def _seconds_since(standing: Delivery | None) -> int:
    if standing is None:
        return 1
    return max(1, round((clock.now() - standing.claimed_at).total_seconds()))


@transaction.atomic
def release_claim(order_id: str, *, rider: Rider) -> Delivery:
    """The rider gives the job back before collecting it; it is open again. Raises NotYourJob, WrongMoment."""
    order, delivery = _own(order_id, rider)
    orders.release_carrier(order.public_id, actor=as_rider(rider.user))
    return _close(delivery, State.RELEASED, pay_minor=0)


@transaction.atomic
def pick_up(order_id: str, *, rider: Rider, shop_code: str = "") -> Delivery:
    """The rider has the bag; pressed twice it changes nothing.

    A `shop_code`, when the shop says one, must be this order's. Raises WrongBag, NotYourJob, WrongMoment.
    """
    order, delivery = _own(order_id, rider)
    if delivery.state != State.CLAIMED:
        return delivery
    if shop_code and not _same(shop_code, order.shop_code):
        raise WrongBag(code=shop_code, wanted=order.shop_code, number=order.number, field="shop_code")
    orders.pick_up(order.public_id, carrier=rider.user, actor=as_rider(rider.user))
    delivery.state, delivery.collected_at = State.COLLECTED, clock.now()
    delivery.save(update_fields=["state", "collected_at"])
    return delivery


def hand_over(order_id: str, *, rider: Rider, code: str) -> Delivery:
    """The customer said their code and has the bag: the order is completed; pressed twice it changes nothing.

    Raises CodeWrong (with the tries left; each is counted), TooManyTries (with the seconds to wait), CashStillDue,
    NotYourJob, WrongMoment.
    """
    with transaction.atomic():
        order, delivery = _own(order_id, rider)
        if delivery.state == State.DELIVERED:
            return delivery
        _refuse_away_from_the_door(order)
        _refuse_while_resting(delivery)
        if _same(code, order.door_code):
            orders.complete_order(order.public_id, actor=as_rider(rider.user))
            delivery.state, delivery.delivered_at, delivery.code_tries = State.DELIVERED, clock.now(), 0
            delivery.save(update_fields=["state", "delivered_at", "code_tries"])
            return delivery
        delivery.code_tries += 1
        delivery.code_tried_at = clock.now()
        delivery.save(update_fields=["code_tries", "code_tried_at"])
    # Outside, or the count would be rolled back with the refusal.
    raise CodeWrong(code=code, n=MOST_TRIES - delivery.code_tries, field="code")


def _refuse_away_from_the_door(order: Order) -> None:
    """What stands in the way before any code does; it costs no try."""
    if order.status != Status.ON_DELIVERY:
        raise WrongMoment(order)
    if order.payment_status == PaymentStatus.DUE_ON_DELIVERY:
        raise CashStillDue(amount=figures.money(order.total_minor, order.currency))


def _refuse_while_resting(delivery: Delivery) -> None:
    """After MOST_TRIES wrong codes it rests; then the count starts anew (saved with the next try)."""
    if delivery.code_tries < MOST_TRIES or delivery.code_tried_at is None:
        return
    left = REST_SECONDS - (clock.now() - delivery.code_tried_at).total_seconds()
    if left > 0:
        raise TooManyTries(n=int(left) + 1, field="code")
    delivery.code_tries = 0


@transaction.atomic
def close_for_cancelled(order_id: str) -> Delivery | None:
    """The order was cancelled: its delivery ends too, and the rider is paid for the way. Safe to repeat."""
    order = road.locked(order_id)
    delivery = Delivery.objects.select_for_update(no_key=True).running().filter(order=order).first()
    if delivery is None or order.status != Status.CANCELLED:
        return None
    collected = delivery.state == State.COLLECTED
    return _close(delivery, State.CANCELLED, pay_minor=delivery.pay_minor if collected else fares.IN_VAIN_MINOR)


@transaction.atomic
def find_another_rider(order_id: str, *, actor: Actor) -> Order:
    """Support takes a claim off a rider who has not collected yet, and pays the way; the job is open again.

    Raises WrongMoment.
    """
    order = orders.release_carrier(road.locked(order_id).public_id, actor=actor)
    delivery = Delivery.objects.select_for_update(no_key=True).running().filter(order=order).first()
    if delivery is not None:
        _close(delivery, State.RELEASED, pay_minor=fares.IN_VAIN_MINOR)
    return order


@transaction.atomic
def vouch_for_hand_over(order_id: str, *, actor: Actor) -> Order:
    """Support knows that the customer has it, although nobody typed the code. Raises CashStillDue, WrongMoment."""
    order = orders.complete_order(road.locked(order_id).public_id, actor=actor)
    delivery = Delivery.objects.select_for_update(no_key=True).running().filter(order=order).first()
    if delivery is not None:
        delivery.state, delivery.delivered_at, delivery.code_tries = State.DELIVERED, clock.now(), 0
        delivery.save(update_fields=["state", "delivered_at", "code_tries"])
    return order


def _close(delivery: Delivery, state: State, *, pay_minor: int) -> Delivery:
    delivery.state, delivery.closed_at, delivery.pay_minor = state, clock.now(), pay_minor
    delivery.save(update_fields=["state", "closed_at", "pay_minor"])
    return delivery


def _own(order_id: str, rider: Rider) -> tuple[Order, Delivery]:
    """The order and this rider's standing delivery of it, both locked, in that order. Raises NotYourJob."""
    order = road.locked(order_id)
    rows = Delivery.objects.select_for_update(no_key=True).standing()
    delivery = rows.filter(order=order, rider=rider).first()
    if delivery is None:
        raise NotYourJob
    return order, delivery


def _same(said: str, meant: str) -> bool:
    return hmac.compare_digest(said.encode(), meant.encode())
