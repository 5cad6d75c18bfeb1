"""The twin of the road for a new order: stock, order, lines and first event in one statement.

Called only by orders/services/place.py. Rows of counted stock are locked in key order; too little of anything
inserts nothing at all.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
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
_NUMBER = "nextval('orders_number_seq')"
_INSERT = """
made AS (
    INSERT INTO orders_order ({order_columns}) SELECT {order_values} {condition} RETURNING id, number
),
lined AS (
    INSERT INTO orders_orderline (order_id, {line_columns})
    SELECT made.id, line.* FROM made, unnest({line_values}) AS line
),
moved AS (SELECT id, number FROM made)
"""


@cache
def _order_fields() -> tuple[Any, ...]:
    return tuple(field for field in Order._meta.concrete_fields if field.name not in {"id", "number"})  # noqa: SLF001 - public by practice


@cache
def _sql(columns: tuple[str, ...], *, counts: bool) -> str:
    """The statement for the columns that are not null; few orders differ in them, so few texts are made."""
    casts = {"DateTimeField": "timestamptz", "BinaryField": "bytea", "ForeignKey": "bigint"}
    numbers = {"PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField"}
    kinds = [field.get_internal_type() for field in _order_fields() if field.column in columns]
    types = [casts.get(kind, "bigint" if kind in numbers else "text") for kind in kinds]
    return (_WANTED if counts else "") + _INSERT.format(
        order_columns=", ".join(["number", *columns]),
        order_values=", ".join([_NUMBER, *(f"%s::{kind}" for kind in types)]),
        condition=_COUNTED_ALL if counts else "",
        line_columns=", ".join(_LINE_COLUMNS),
        line_values=", ".join(f"%s::{kind}[]" for kind in _LINE_TYPES),
    )


def insert(order: Order, lines: Sequence[OrderLine], held: dict[int, int], envelope: log.Envelope) -> bool:
    """Write a new order with its lines and event, reserving `held` (product pk → units) of counted stock.

    True: done, `order.pk` and `order.number` are set. False: too little of something; nothing was inserted, but the
    caller must roll the transaction back, because some rows may have been reserved.
    """
    params: list[Any] = [list(held), list(held.values())] if held else []
    values = {field.column: field.value_from_object(order) for field in _order_fields()}
    given = {column: value for column, value in values.items() if value is not None}
    params += given.values()
    for column in _LINE_COLUMNS:
        of_lines = [getattr(line, column) for line in lines]
        params.append([Jsonb(value, dumps=orjson.dumps) for value in of_lines] if column == "options" else of_lines)
    rows = log.append_with(_sql(tuple(given), counts=bool(held)), params, envelope)
    if not rows:
        return False
    order.pk, order.number = rows[0]
    order._state.adding = False  # noqa: SLF001 - it is saved now
    return True
