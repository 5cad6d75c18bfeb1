"""Changing what is in an order after it was placed: picked, struck out; and a note on the time line."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from config.ground import clock
from orders import pricing
from orders.actors import SYSTEM, Actor
from orders.catalog.models import Trade
from orders.order import road
from orders.order.models import Order, OrderLine
from orders.order.road import Shapes, Step, WrongMoment
from orders.order.states import SETTLED, CancelReason, Status
from orders.services.cancel import cancel_locked
from orders.services.refusals import LineUnknown, QuantityWrong
from orders.stock import counted
from orders.words import facts_of, status_key

STRIKEABLE = {Status.PENDING, Status.CONFIRMED, Status.PREPARING}


@transaction.atomic
def pick_line(order_id: str, line_no: int, *, actor: Actor) -> Order:
    """The picker has this line in the bag; the first one starts the preparing."""
    order = road.locked(order_id)
    if order.trade != Trade.GROCERY or order.status not in {Status.CONFIRMED, Status.PREPARING}:
        raise WrongMoment(order)
    line = _line(order, line_no)
    if line.state != OrderLine.State.OPEN:
        return order
    if order.status == Status.CONFIRMED:
        road.move(order, order.start_preparing, Step("order.preparing"), actor)
    line.state, line.settled_at = OrderLine.State.PICKED, clock.now()
    line.save(update_fields=["state", "settled_at"])
    return road.move(order, None, Step("line.picked", _about(line) | _progress(order)), actor)


@transaction.atomic
def strike_out_line(order_id: str, line_no: int, *, quantity: int | None = None, actor: Actor) -> Order:
    """So many of a line (all, unless told) cannot be had. What was paid for them goes back by itself.

    When nothing is left of the order it is cancelled as SOLD_OUT. Raises WrongMoment, LineUnknown, QuantityWrong.
    """
    order = road.locked(order_id)
    if order.status not in STRIKEABLE or order.payment_status not in SETTLED:
        raise WrongMoment(order)
    line = _line(order, line_no)
    left = line.quantity - line.struck_quantity
    units = left if quantity is None else quantity
    if not 1 <= units <= left:
        raise QuantityWrong(most=left)
    goods_left = order.items_minor - sum(other.struck_minor for other in order.lines.all())
    off = pricing.returned_for_strike(
        line.unit_minor, units, left_minor=goods_left, delivery_minor=order.delivery_minor
    )
    if line.unit_minor * units >= goods_left:
        return cancel_locked(order, CancelReason.SOLD_OUT, detail="", words="", actor=actor)
    _strike(line, units)
    data = _about(line) | _progress(order) | {"amountMinor": off, "units": units, "reload": ["lines", "money"]}
    return road.move(
        order, None, Step("line.struck_out", data, columns={"struck_minor": order.struck_minor + off}), actor
    )


@transaction.atomic
def note(
    order_id: str, type_: str, data: Mapping[str, Any], only: Shapes | None = None, *, actor: Actor = SYSTEM
) -> Order:
    """Put a line on the order's time line; nothing else changes. For payments and tracking."""
    return road.move(road.locked(order_id), None, Step(type_, data, only or {}), actor)


def _line(order: Order, line_no: int) -> OrderLine:
    line = order.lines.filter(line_no=line_no).first()
    if line is None:
        raise LineUnknown(n=line_no)
    return line


def _strike(line: OrderLine, units: int) -> None:
    line.struck_quantity += units
    if line.struck_quantity == line.quantity:
        line.state, line.settled_at = OrderLine.State.STRUCK, clock.now()
    line.save(update_fields=["struck_quantity", "state", "settled_at"])
    if line.is_counted:
        counted.release_units(line.product_id, units)


def _about(line: OrderLine) -> dict[str, Any]:
    return {"line": line.line_no, "item": {"en": line.name_en, "zh": line.name_zh}}


def _progress(order: Order) -> dict[str, Any]:
    """How many lines are settled, for the picking badge."""
    if order.trade != Trade.GROCERY or order.status != Status.PREPARING:
        return {}
    return {"word": status_key(order), "facts": facts_of(order)}
