"""What money does to an order. Called by payments only, inside its transactions."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from config.ground import clock
from orders.actors import GATEWAY, SYSTEM, Actor
from orders.catalog.models import Trade
from orders.order import road
from orders.order.models import Order
from orders.order.road import Step, WrongMoment
from orders.order.states import WAITING_FOR_MONEY, Status
from orders.services.confirm import accept_by_itself
from orders.services.refusals import KeysShort
from orders.stock import keys
from orders.stock.models import KeyIssue


@transaction.atomic
def begin_payment(order_id: str, *, method: str, actor: Actor) -> Order:
    """The customer has a way to pay by this method. The order goes on waiting for payment. Raises WrongMoment."""
    order = road.locked(order_id)
    if order.status != Status.PENDING or order.payment_status not in WAITING_FOR_MONEY:
        raise WrongMoment(order)
    return road.move(order, None, Step("order.payment_started", {"method": method}, columns={"method": method}), actor)


@transaction.atomic
def claim_payment(order_id: str, *, actor: Actor) -> Order:
    """The customer may have paid and the gateway has not said so: UNPAID → PROCESSING, shown as being checked."""
    order = road.locked(order_id)
    return road.move(order, order.claim_payment, Step("order.payment_claimed"), actor)


@transaction.atomic
def release_payment(order_id: str, *, actor: Actor = SYSTEM) -> Order:
    """The gateway says that nobody paid, or no attempt is open any more: PROCESSING → UNPAID."""
    order = road.locked(order_id)
    return road.move(order, order.release_payment, Step("order.payment_released"), actor)


@transaction.atomic
def mark_paid(order_id: str, *, amount_minor: int, channel: str, actor: Actor = GATEWAY) -> Order:
    """The money is ours. The clock for the shop's answer starts, or it is accepted by itself; keys are issued.

    Raises KeysShort when a card-key order's keys are no longer held (nothing is kept then).
    """
    return pay_locked(road.locked(order_id), amount_minor=amount_minor, channel=channel, actor=actor)


@transaction.atomic
def pay_locked(order: Order, *, amount_minor: int, channel: str, actor: Actor = GATEWAY) -> Order:
    """`mark_paid` for a caller that already holds the lock; after KeysShort the given object is to be read anew."""
    now = clock.now()
    columns = {"paid_minor": amount_minor, "paid_at": now, "expires_at": None, "method": channel}
    if order.status == "PENDING":
        columns["answer_by"] = now + timedelta(minutes=settings.ANSWER_MINUTES)
    data = {"amountMinor": amount_minor, "channel": channel, "reload": ["money"]}
    road.move(order, order.pay, Step("order.paid", data, columns=columns), actor)
    accept_by_itself(order)
    if order.trade == Trade.DIGITAL:
        _issue(order)
    return order


def _issue(order: Order) -> None:
    keys.mend(order.pk)
    wanted = sum(line.quantity for line in order.lines.all())
    if KeyIssue.objects.filter(order=order, issued_at__isnull=True).count() != wanted:
        raise KeysShort
    road.move(order, order.start_preparing, Step("order.preparing"), SYSTEM)
    keys.issue(order.pk)
    step = Step("order.completed", {"how": "ISSUED", "reload": ["keys"]}, columns={"ended_at": clock.now()})
    road.move(order, order.issue, step, SYSTEM)


@transaction.atomic
def record_return(order_id: str, *, amount_minor: int, actor: Actor = GATEWAY) -> Order:
    """So much of the order's money is back with the customer."""
    order = road.locked(order_id)
    returned = order.returned_minor + amount_minor
    decide = order.return_all if returned >= order.paid_minor else order.return_part
    data = {"amountMinor": amount_minor, "returnedMinor": returned, "reload": ["money"]}
    return road.move(order, decide, Step("refund.succeeded", data, columns={"returned_minor": returned}), actor)
