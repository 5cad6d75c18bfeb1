"""Card keys: reserve, issue, release, replace. A key is reserved and issued as rows, so it cannot go out twice.

Keys are found with SKIP LOCKED, so that buyers do not queue; when that finds too few, once more with a
blocking lock, because a holder that rolls back would otherwise show a false "sold out".
"""

from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, Sum
from django.utils import timezone

from orders.stock.models import Key, KeyIssue, KeyPool

# Each unit gets another key, and nobody gets a key that they have: two of the same are worth one.
_FIND = """
SELECT k.id FROM orders_key AS k
 WHERE k.pool_id = %s AND k.state = 'AVAILABLE' {other}
 ORDER BY k.id LIMIT %s FOR NO KEY UPDATE {lock}
"""
_OTHER = """
   AND NOT EXISTS (SELECT 1 FROM orders_keyissue AS i
                    WHERE i.key_id = k.id AND (i.order_id = %s OR (i.buyer = %s AND i.buyer <> '')))
"""
_HOLD = """
UPDATE orders_key SET uses_left = uses_left - 1,
       state = CASE WHEN uses_left > 1 THEN 'AVAILABLE' ELSE 'RESERVED' END
 WHERE id = ANY(%s)
"""
# The keys are locked in their order: the keys of a shared pool are held by many orders. A void one stays void.
_FREE = """
WITH held AS MATERIALIZED (
    SELECT id FROM orders_key
     WHERE id IN (SELECT key_id FROM orders_keyissue WHERE {which} AND issued_at IS NULL)
     ORDER BY id FOR NO KEY UPDATE
), freed AS (
    DELETE FROM orders_keyissue WHERE {which} AND issued_at IS NULL RETURNING key_id
)
UPDATE orders_key AS k SET uses_left = k.uses_left + 1,
       state = CASE WHEN k.state = 'VOID' THEN 'VOID' ELSE 'AVAILABLE' END
  FROM held JOIN freed ON freed.key_id = held.id WHERE k.id = held.id
"""
# One buyer's orders take their turn where it matters what the buyer has already.
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def reserve(order_pk: int, line_no: int, pool: KeyPool, units: int, buyer: str = "") -> bool:
    """Reserve `units` keys for one line. False when there are too few (nothing may be kept then: roll back)."""
    return _reserve(order_pk, line_no, pool, range(1, units + 1), buyer)


def held_by(buyer: str, pool: KeyPool) -> int:
    """How many units of a pool this buyer has or has reserved; nobody can change that until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_TURN, [f"{pool.pk}|{buyer}"])
    return KeyIssue.objects.filter(key__pool=pool, buyer=buyer, replaced_at=None).count()


def _reserve(order_pk: int, line_no: int, pool: KeyPool, units: Sequence[int], buyer: str) -> bool:
    with connection.cursor() as cursor:
        if buyer and not pool.is_single_use:
            cursor.execute(_TURN, [f"{pool.pk}|{buyer}"])
        who = (order_pk, buyer)
        chosen = _find(cursor, pool, len(units), who, "SKIP LOCKED")
        if len(chosen) < len(units):
            chosen = _find(cursor, pool, len(units), who, "")
        if len(chosen) < len(units):
            return False
        cursor.execute(_HOLD, [chosen])
    KeyIssue.objects.bulk_create(
        KeyIssue(
            key_id=key,
            order_id=order_pk,
            line_no=line_no,
            unit_no=unit,
            is_single_use=pool.is_single_use,
            buyer=buyer,
        )
        for unit, key in zip(units, chosen, strict=True)
    )
    return True


def _find(cursor: CursorWrapper, pool: KeyPool, units: int, who: tuple[int, str], lock: str) -> list[int]:
    other = () if pool.is_single_use else who
    cursor.execute(_FIND.format(other=_OTHER if other else "", lock=lock), [pool.pk, *other, units])
    return [key for (key,) in cursor.fetchall()]


def mend(order_pk: int) -> None:
    """Put another key in the place of each reserved one that was made void; a unit for which there is none stays bare.

    The keys of the order are locked from here on, so that what is whole now is still whole when it is issued.
    """
    held = KeyIssue.objects.select_related("key__pool").filter(order=order_pk, issued_at=None)
    for issue in held.select_for_update(no_key=True, of=("key",)).order_by("key"):
        if issue.key.state == Key.State.VOID:
            _free("id = %s", issue.pk)
            _reserve(order_pk, issue.line_no, issue.key.pool, [issue.unit_no], issue.buyer)


def replace(issue: KeyIssue) -> KeyIssue | None:
    """Give another key to the unit of an issued one; None when there is none. The old row stays, marked."""
    moment = timezone.now()
    KeyIssue.objects.filter(pk=issue.pk).update(replaced_at=moment)
    if not _reserve(issue.order_id, issue.line_no, issue.key.pool, [issue.unit_no], issue.buyer):
        return None
    issued = KeyIssue.objects.filter(order=issue.order_id, line_no=issue.line_no, unit_no=issue.unit_no)
    fresh = issued.get(replaced_at=None)
    KeyIssue.objects.filter(pk=fresh.pk).update(issued_at=moment)
    Key.objects.filter(pk=fresh.key_id, state=Key.State.RESERVED).update(state=Key.State.USED)
    return fresh


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
    _free("order_id = %s", order_pk)


def _free(which: str, value: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FREE.format(which=which), [value, value])


def totals(pool: KeyPool) -> dict[str, int]:
    """How many units a pool can still serve, has promised and has given out, and how many keys are void; counted now.

    The names are those of Key.State.
    """
    rows = Key.objects.filter(pool=pool).order_by().values_list("state").annotate(n=Count("id"), units=Sum("uses_left"))
    counted = {state: (n, units) for state, n, units in rows}
    found = {state: counted.get(state, (0, 0))[0] for state in Key.State.values}
    found[Key.State.AVAILABLE] = counted.get(Key.State.AVAILABLE, (0, 0))[1]
    if not pool.is_single_use:
        given = KeyIssue.objects.filter(key__pool=pool)
        found[Key.State.RESERVED] = given.filter(issued_at=None).count()
        found[Key.State.USED] = given.filter(issued_at__isnull=False).count()
    return found


def different_in(pool: KeyPool) -> int:
    """How many different keys of the pool can be sold now."""
    return Key.objects.filter(pool=pool, state=Key.State.AVAILABLE).count()


def left_in(pools: Iterable[int]) -> dict[int, int]:
    """How many units each pool can still serve: counted, never a counter that can drift. Empty pools are absent."""
    rows = Key.objects.filter(pool__in=list(pools), state=Key.State.AVAILABLE).values_list("pool")
    return {pool: int(units) for pool, units in rows.annotate(units=Sum("uses_left"))}
