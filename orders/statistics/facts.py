"""What an order's event says in the export: a row that only needs adding up. Handed to the writer by config/events.py.

Everything here is written once and stays: first events, prices and quantities of lines, the moments of an order. So
the same events give the same rows whenever they are asked for. Nothing says who bought, where it went or what was
noted; of an event's data only the keys of SAID go out.

`shop_id` `trade` `currency` `order_id`  whose it is
`actor`           the role of whoever did it: customer, merchant, rider, staff, system, gateway
`arrived`         1 on the event by which the order came to the shop: placed for cash, paid otherwise
`cancelled`       1 when an order that had come to the shop is cancelled
`reason`          why it was cancelled; a rejection with its kind: MERCHANT_REJECTED.BUSY
`paid_minor`      what was paid by this event, `returned_minor` what went back
`lost_minor`      what the shop did not earn because something was sold out: struck out, or cancelled for it
`accepted_in_ms`  from arrival to acceptance, when a person accepted
`prepared_in_ms`  from acceptance to packed, `delivered_in_ms` from pick-up to hand-over
`goods`           units that were ordered by arrival, or (negative) struck out or cancelled
`data`            the event's own data, as far as SAID lets it out
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Prefetch

from notifications.analytics.facts import Facts, Happened, Row
from notifications.models import Event
from orders.order.models import Order, OrderLine
from orders.order.states import CancelReason, PaymentStatus, RejectKind

COLUMNS = {
    "order_id": "VARCHAR",
    "shop_id": "VARCHAR",
    "trade": "VARCHAR",
    "currency": "VARCHAR",
    "actor": "VARCHAR",
    "arrived": "INTEGER",
    "cancelled": "INTEGER",
    "reason": "VARCHAR",
    "paid_minor": "BIGINT",
    "returned_minor": "BIGINT",
    "lost_minor": "BIGINT",
    "accepted_in_ms": "BIGINT",
    "prepared_in_ms": "BIGINT",
    "delivered_in_ms": "BIGINT",
    "goods": "STRUCT(product_id VARCHAR, en VARCHAR, zh VARCHAR, unit_minor BIGINT, units INTEGER)[]",
    "data": "JSON",
}
SAID = frozenset({
    "status", "paymentStatus", "totalMinor", "amountMinor", "returnedMinor", "method", "channel", "minutes",
    "estimatedTime", "reason", "detail", "stage", "how", "line", "unit", "units",
})  # fmt: skip
CODE = re.compile(r"[A-Z_]{0,40}")  # of a text only this form goes out, so that no sentence of a person can
SOLD_OUT = {
    CancelReason.SOLD_OUT,
    CancelReason.UNFULFILLABLE,
    f"{CancelReason.MERCHANT_REJECTED}.{RejectKind.SOLD_OUT}",
}
AT_ONCE = 2_000  # events per query
PREFIX = "order/"


def rows(events: Sequence[Happened]) -> list[Row | None]:
    """The columns of each event of an order; None for every other stream."""
    told: list[Row | None] = []
    for start in range(0, len(events), AT_ONCE):
        some = events[start : start + AT_ONCE]
        known = _Known(some)
        told += [known.row(event) if event.stream.startswith(PREFIX) else None for event in some]
    return told


ORDER_FACTS = Facts(COLUMNS, rows, sorted_by=("shop_id", "position"))


class _Case(NamedTuple):
    """One event with its order. `is_cash`: the order came to the shop when it was placed."""

    event: Happened
    order: Order
    is_cash: bool


class _Known:
    """What has to be looked up for a number of events."""

    def __init__(self, events: Sequence[Happened]) -> None:
        streams = {event.stream for event in events if event.stream.startswith(PREFIX)}
        refs = [stream.removeprefix(PREFIX) for stream in streams]
        lines = Prefetch("lines", OrderLine.objects.select_related("product"))
        found = Order.objects.filter(public_id__in=refs).select_related("shop").prefetch_related(lines)
        self.orders = {order.stream: order for order in found}
        first = Event.objects.filter(stream__in=streams, version=1).values_list("stream", "data__paymentStatus")
        self.cash = {stream for stream, money in first if money == PaymentStatus.DUE_ON_DELIVERY}

    def row(self, event: Happened) -> Row | None:
        """The columns of one event; None for one of an order that is not there."""
        order = self.orders.get(event.stream)
        if order is None:
            return None
        meaning = MEANINGS.get(event.type)
        return {
            "order_id": order.public_id,
            "shop_id": order.shop.public_id,
            "trade": order.trade,
            "currency": order.currency,
            "actor": event.actor,
            "data": {key: value for key, value in event.data.items() if _may_be_said(key, value)},
            **(meaning(_Case(event, order, event.stream in self.cash)) if meaning else {}),
        }


def _placed(case: _Case) -> Row:
    return _arrival(case.order) if case.is_cash else {}


def _paid(case: _Case) -> Row:
    return {"paid_minor": case.event.data["amountMinor"], **({} if case.is_cash else _arrival(case.order))}


def _returned(case: _Case) -> Row:
    data = case.event.data  # without `returnedMinor` the money was none of this order's
    return {"returned_minor": data["amountMinor"]} if "returnedMinor" in data else {}


def _confirmed(case: _Case) -> Row:
    if case.event.actor == "system":
        return {}
    order = case.order
    return {"accepted_in_ms": _ms(order.placed_at if case.is_cash else order.paid_at, order.confirmed_at)}


def _ready(case: _Case) -> Row:
    return {"prepared_in_ms": _ms(case.order.confirmed_at, case.order.ready_at)}


def _completed(case: _Case) -> Row:
    return {"delivered_in_ms": _ms(case.order.picked_up_at, case.order.ended_at)}


def _struck_out(case: _Case) -> Row:
    data = case.event.data
    line = next(line for line in case.order.lines.all() if line.line_no == data["line"])
    return {"lost_minor": data["amountMinor"], "goods": [_good(line, -data["units"])]}


def _cancelled(case: _Case) -> Row:
    order, reason, detail = case.order, case.event.data["reason"], case.event.data["detail"]
    had_arrived = case.is_cash or order.paid_at is not None
    said = f"{reason}.{detail}" if detail else reason
    row: dict[str, Any] = {"reason": said, "cancelled": int(had_arrived)}
    if said in SOLD_OUT and (had_arrived or reason == CancelReason.UNFULFILLABLE):  # paid for, but no key was left
        row["lost_minor"] = order.total_minor
    if had_arrived:
        row["goods"] = [_good(line, -line.left) for line in order.lines.all() if line.left]
    return row


MEANINGS: Mapping[str, Callable[[_Case], Row]] = {
    "order.placed": _placed,
    "order.paid": _paid,
    "refund.succeeded": _returned,
    "order.confirmed": _confirmed,
    "order.ready": _ready,
    "order.completed": _completed,
    "line.struck_out": _struck_out,
    "order.cancelled": _cancelled,
}


def _arrival(order: Order) -> Row:
    return {"arrived": 1, "goods": [_good(line, line.quantity) for line in order.lines.all()]}


def _good(line: OrderLine, units: int) -> Mapping[str, Any]:
    names = {"en": line.name_en, "zh": line.name_zh}
    return {"product_id": line.product.public_id, **names, "unit_minor": line.unit_minor, "units": units}


def _ms(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None else round((end - start).total_seconds() * 1_000)


def _may_be_said(key: str, value: object) -> bool:
    if key not in SAID:
        return False
    return CODE.fullmatch(value) is not None if isinstance(value, str) else isinstance(value, int)
