"""Counted goods: reserved while an order runs, taken when it leaves the shop, released when it is cancelled."""

from django.db import connection

# One row per product, locked in key order, so that two orders never wait for each other crosswise.
_PER_PRODUCT = """
WITH due AS (
    SELECT l.product_id, sum(l.quantity - l.struck_quantity) AS n
      FROM orders_orderline l
     WHERE l.order_id = %s AND l.is_counted AND l.quantity > l.struck_quantity
     GROUP BY l.product_id
), held AS MATERIALIZED (
    SELECT s.product_id FROM orders_stock s JOIN due USING (product_id) ORDER BY s.product_id FOR NO KEY UPDATE OF s
)
UPDATE orders_stock s SET {change} FROM due JOIN held USING (product_id) WHERE s.product_id = due.product_id
"""
_RELEASE = _PER_PRODUCT.format(change="reserved = s.reserved - due.n")
_TAKE = _PER_PRODUCT.format(change="reserved = s.reserved - due.n, on_hand = s.on_hand - due.n")


def release(order_pk: int) -> None:
    """Give back what the order's lines still hold (it was cancelled)."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [order_pk])


def take(order_pk: int) -> None:
    """What the order's lines hold has left the shop."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [order_pk])


def release_units(product_pk: int, units: int) -> None:
    """Give back some units of one product (they were struck out)."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_stock SET reserved = reserved - %s WHERE product_id = %s", [units, product_pk])
