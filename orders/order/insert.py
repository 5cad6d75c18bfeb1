"""The twin of the road for a new order: stock, order, lines and first event in one statement.

Called only by orders/services/place.py. Rows of counted stock are locked in key order; too little of anything
inserts nothing at all.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from psycopg.types.json import Jsonb

from notifications import log
from orders.order.models import Order, OrderLine

_WANTED = """
want (product_id, n) AS (SELECT * FROM unnest(%s::bigint[], %s::int[])),
held AS MATERIALIZED (
    SELECT s.product_id FROM orders_stock s JOIN want USING (product_id) ORDER BY s.product_id FOR NO KEY UPDATE OF s
),
taken AS (
    UPDATE orders_stock s SET reserved = s.reserved + want.n FROM want JOIN held USING (product_id)
     WHERE s.product_id = want.product_id AND s.on_hand - s.reserved >= want.n RETURNING s.product_id
),
"""
_COUNTED_ALL = "WHERE (SELECT count(*) FROM taken) = (SELECT count(*) FROM want)"
_LINE_COLUMNS = (
    "line_no", "product_id", "name_en", "name_zh", "options", "note_sealed", "unit_minor", "quantity",
    "struck_quantity", "is_counted", "state",
)  # fmt: skip
_LINE_TYPES = ("int", "bigint", "text", "text", "jsonb", "bytea", "bigint", "int", "int", "bool", "text")
_INSERT = """
made AS (
    INSERT INTO orders_order ({order_columns}) SELECT {order_values} {condition} RETURNING id
),
lined AS (
    INSERT INTO orders_orderline (order_id, {line_columns})
    SELECT made.id, line.* FROM made, unnest({line_values}) AS line
),
moved AS (SELECT id FROM made)
"""


@cache
def _order_fields() -> tuple[Any, ...]:
    return tuple(field for field in Order._meta.concrete_fields if not field.primary_key)  # noqa: SLF001 - public by practice


@cache
def _sql(*, counts: bool) -> str:
    fields = _order_fields()
    casts = {"DateTimeField": "timestamptz", "BinaryField": "bytea", "ForeignKey": "bigint"}
    numbers = {"PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField"}
    types = [
        casts.get(kind, "bigint" if kind in numbers else "text")
        for kind in (field.get_internal_type() for field in fields)
    ]
    return (_WANTED if counts else "") + _INSERT.format(
        order_columns=", ".join(field.column for field in fields),
        order_values=", ".join(f"%s::{kind}" for kind in types),
        condition=_COUNTED_ALL if counts else "",
        line_columns=", ".join(_LINE_COLUMNS),
        line_values=", ".join(f"%s::{kind}[]" for kind in _LINE_TYPES),
    )


def insert(order: Order, lines: Sequence[OrderLine], held: dict[int, int], envelope: log.Envelope) -> bool:
    """Write a new order with its lines and event, reserving `held` (product pk → units) of counted stock.

    True: done, `order.pk` is set. False: too little of something; nothing was inserted, but the caller must
    roll the transaction back, because some rows may have been reserved.
    """
    params: list[Any] = [list(held), list(held.values())] if held else []
    params += [field.value_from_object(order) for field in _order_fields()]
    for column in _LINE_COLUMNS:
        values = [getattr(line, column) for line in lines]
        params.append([Jsonb(value) for value in values] if column == "options" else values)
    rows = log.append_with(_sql(counts=bool(held)), params, envelope)
    if not rows:
        return False
    order.pk = rows[0][0]
    order._state.adding = False  # noqa: SLF001 - it is saved now
    return True
