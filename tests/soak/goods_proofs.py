"""The proofs about what money is for: keys, stock, and the log that tells of every order. proofs.py lists them."""

from typing import Final

from tests.soak.looking import Ask, Truth, some

RANKS: Final = ("PENDING", "CONFIRMED", "PREPARING", "READY", "ON_DELIVERY", "COMPLETED")


def keys_have_one_buyer(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    """Every paid order of card keys has exactly its keys, each of them nobody else's; nobody else has any."""
    wrong = ask(
        "SELECT o.public_id, sold.units, count(i.id) FROM orders_order o"
        " JOIN LATERAL (SELECT sum(quantity) AS units FROM orders_orderline WHERE order_id = o.id) sold ON true"
        " LEFT JOIN orders_keyissue i ON i.order_id = o.id AND i.issued_at IS NOT NULL AND i.replaced_at IS NULL"
        " WHERE o.trade = 'DIGITAL' GROUP BY o.id, sold.units"
        " HAVING count(i.id) <> CASE WHEN o.payment_status IN ('PAID', 'PARTLY_REFUNDED', 'REFUNDED')"
        " AND o.status = 'COMPLETED' THEN sold.units ELSE 0 END"
    )
    twice = ask("SELECT key_id FROM orders_keyissue WHERE is_single_use GROUP BY 1 HAVING count(*) > 1")
    adrift = ask(
        "SELECT k.id FROM orders_key k LEFT JOIN orders_keyissue i ON i.key_id = k.id"
        " WHERE (k.state IN ('USED', 'RESERVED')) IS DISTINCT FROM (i.id IS NOT NULL)"
        " AND k.state <> 'VOID'"
    )
    issued, free = ask(
        "SELECT (SELECT count(*) FROM orders_keyissue WHERE issued_at IS NOT NULL),"
        " (SELECT count(*) FROM orders_key WHERE state = 'AVAILABLE')"
    )[0]
    words = [f"{row[0]} has {row[2]} of {row[1]}" for row in wrong] + [f"key {row[0]} twice" for row in twice]
    words += [f"key {row[0]} adrift" for row in adrift]
    return not words, some(words) or f"{issued} keys issued, {free} left"


def goods_are_not_left_reserved(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    """What is promised is exactly what living orders want."""
    rows = ask(
        "SELECT s.product_id, s.reserved, coalesce(w.wanted, 0) FROM orders_stock s LEFT JOIN"
        " (SELECT l.product_id, sum(l.quantity - l.struck_quantity) AS wanted FROM orders_orderline l"
        " JOIN orders_order o ON o.id = l.order_id WHERE l.is_counted AND o.status NOT IN ('CANCELLED', 'COMPLETED',"
        " 'ON_DELIVERY') GROUP BY 1) w ON w.product_id = s.product_id WHERE s.reserved <> coalesce(w.wanted, 0)"
    )
    return not rows, some([f"product {row[0]}: {row[1]} reserved, {row[2]} wanted" for row in rows]) or "as wanted"


def streams_are_dense(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    gaps = ask(
        "SELECT e.stream, count(*), max(e.version), o.version FROM notifications_event e"
        " JOIN orders_order o ON e.stream = 'order/' || o.public_id GROUP BY e.stream, o.version"
        " HAVING count(*) <> max(e.version) OR max(e.version) <> o.version OR min(e.version) <> 1"
    )
    count, last = ask("SELECT count(*), coalesce(max(position), 0) FROM notifications_event")[0]
    return not gaps and count == last, some([row[0] for row in gaps]) or f"{count} events, the last is number {last}"


def statuses_go_forward(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    """Nothing comes after an end, and no status comes before one it was already in."""
    rows = ask(
        "SELECT stream, version, data ->> 'status' FROM notifications_event"
        " WHERE stream LIKE 'order/%%' AND data ? 'status' ORDER BY stream, version",
    )
    wrong, before = [], ("", -1)
    for stream, version, status in rows:
        rank = RANKS.index(status) if status in RANKS else len(RANKS)
        if stream == before[0] and rank <= before[1]:
            wrong.append(f"{stream} v{version} {status}")
        before = (stream, len(RANKS) + 1 if status in {"COMPLETED", "CANCELLED"} else rank)
    return not wrong, some(wrong) or f"{len(rows)} changes of status"


def nothing_is_parked(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    rows = ask("SELECT reader, stream, error FROM notifications_parkedevent WHERE resolved_at IS NULL")
    once = ask("SELECT count(*) FROM notifications_parkedevent")[0][0]
    return not rows, some([f"{row[0]} {row[1]}: {row[2][:80]}" for row in rows]) or f"{once} were, for a while"
