"""Card keys: reserve, issue, release. A key is reserved and issued as rows, so it cannot go out twice.

Keys are found with SKIP LOCKED, so that buyers do not queue; when that finds too few, once more with a
blocking lock, because a holder that rolls back would otherwise show a false "sold out".
"""

from collections.abc import Iterable

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Sum
from django.utils import timezone

from orders.stock.models import Key, KeyIssue, KeyPool

_FIND = """
SELECT id, uses_left FROM orders_key
 WHERE pool_id = %s AND state = 'AVAILABLE' ORDER BY id LIMIT %s FOR NO KEY UPDATE {lock}
"""
_HOLD = """
UPDATE orders_key SET uses_left = uses_left - 1,
       state = CASE WHEN uses_left > 1 THEN 'AVAILABLE' ELSE 'RESERVED' END
 WHERE id = %s
"""


def reserve(order_pk: int, line_no: int, pool: KeyPool, units: int) -> bool:
    """Reserve `units` keys for one line. False when there are too few (nothing may be kept then: roll back)."""
    with connection.cursor() as cursor:
        chosen = _find(cursor, pool, units, "SKIP LOCKED")
        if len(chosen) < units:
            chosen = _find(cursor, pool, units, "")
        if len(chosen) < units:
            return False
        cursor.executemany(_HOLD, [(key,) for key in chosen])
    KeyIssue.objects.bulk_create(
        KeyIssue(key_id=key, order_id=order_pk, line_no=line_no, unit_no=unit, is_single_use=pool.is_single_use)
        for unit, key in enumerate(chosen, start=1)
    )
    return True


def _find(cursor: CursorWrapper, pool: KeyPool, units: int, lock: str) -> list[int]:
    """Keys for so many units; one reusable key may serve several units."""
    cursor.execute(_FIND.format(lock=lock), [pool.pk, units])
    chosen: list[int] = []
    for key, uses_left in cursor.fetchall():
        chosen += [key] * min(uses_left, units - len(chosen))
    return chosen


def issue(order_pk: int) -> int:
    """Everything reserved for the order is now the buyer's; returns how many units. Safe to repeat."""
    moment = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH given AS (
                UPDATE orders_keyissue SET issued_at = %s WHERE order_id = %s AND issued_at IS NULL RETURNING key_id
            ), spent AS (
                UPDATE orders_key SET state = 'USED'
                 WHERE id IN (SELECT key_id FROM given) AND state = 'RESERVED' RETURNING id
            )
            SELECT (SELECT count(*) FROM given), (SELECT count(*) FROM spent)
            """,
            [moment, order_pk],
        )
        return int(cursor.fetchone()[0])


def release(order_pk: int) -> None:
    """Put back what was reserved and not issued (the order was cancelled)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH freed AS (
                DELETE FROM orders_keyissue WHERE order_id = %s AND issued_at IS NULL RETURNING key_id
            ), per_key AS (SELECT key_id, count(*) AS n FROM freed GROUP BY key_id)
            UPDATE orders_key k SET uses_left = k.uses_left + per_key.n,
                   state = CASE WHEN k.state = 'VOID' THEN 'VOID' ELSE 'AVAILABLE' END
              FROM per_key WHERE k.id = per_key.key_id
            """,
            [order_pk],
        )


def left_in(pools: Iterable[int]) -> dict[int, int]:
    """How many units each pool can still serve: counted, never a counter that can drift. Empty pools are absent."""
    rows = Key.objects.filter(pool__in=list(pools), state=Key.State.AVAILABLE).values_list("pool")
    return {pool: int(units) for pool, units in rows.annotate(units=Sum("uses_left"))}
