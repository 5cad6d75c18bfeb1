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
_KINDS = {
    "DateTimeField": "timestamptz", "BinaryField": "bytea", "ForeignKey": "bigint", "PositiveIntegerField": "bigint",
    "PositiveBigIntegerField": "bigint", "PositiveSmallIntegerField": "bigint",
}  # fmt: skip
_EMPTY = {"text": "''", "bytea": "''::bytea", "bigint": "0"}
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
def _sql(shape: tuple[tuple[str, bool], ...], *, counts: bool) -> str:
    """The statement for a shape: the columns that are not null, and whether each is filled.

    What is empty is written into the text. Few shapes occur, and psycopg keeps a statement that it has taken apart
    only up to 50 parameters and 4,096 characters.
    """
    kinds = {field.column: _KINDS.get(field.get_internal_type(), "text") for field in _order_fields()}
    values = [f"%s::{kinds[column]}" if is_filled else _EMPTY[kinds[column]] for column, is_filled in shape]
    return (_WANTED if counts else "") + _INSERT.format(
        order_columns=", ".join(["number", *(column for column, _ in shape)]),
        order_values=", ".join([_NUMBER, *values]),
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
    shape = tuple((column, bool(value)) for column, value in values.items() if value is not None)
    params += [value for value in values.values() if value]
    for column in _LINE_COLUMNS:
        of_lines = [getattr(line, column) for line in lines]
        params.append([Jsonb(value, dumps=orjson.dumps) for value in of_lines] if column == "options" else of_lines)
    rows = log.append_with(_sql(shape, counts=bool(held)), params, envelope)
    if not rows:
        return False
    order.pk, order.number = rows[0]
    order._state.adding = False  # noqa: SLF001 - it is saved now
    return True
