"""What must be true when everything has come to rest. Read in one snapshot, in SQL, sharing no code with the product.

driver.py asks for all of them, before and after the gateways' bills are read, and prints the table; a proof that does
not hold says what it found.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg

from tests.soak import goods_proofs
from tests.soak.looking import Ask, Finding, Truth, some, yuan


def prove(database: str, truth: Truth) -> list[Finding]:
    """Look at everything at one moment."""
    with psycopg.connect(database) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

        def ask(query: str, *values: Any) -> list[tuple[Any, ...]]:
            return connection.execute(query, values or None).fetchall()

        return [Finding(name, *proof(ask, truth)) for name, proof in PROOFS.items()]


def endings(database: str) -> dict[str, int]:
    """How many orders ended how."""
    query = "SELECT trade, status, cancel_reason, payment_status, count(*) FROM orders_order GROUP BY 1, 2, 3, 4"
    with psycopg.connect(database) as connection:
        rows = connection.execute(query).fetchall()
    return {" ".join(filter(None, words)): count for *words, count in rows}


def _ledger_sums_to_zero(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    sums = ask("SELECT sum(amount_minor) FROM payments_ledgerposting GROUP BY entry_id")
    total, crooked = sum(row[0] for row in sums), sum(row[0] != 0 for row in sums)
    return not total and not crooked, f"{yuan(total)} in {len(sums)} entries, {crooked} crooked"


def _gateways_agree(ask: Ask, truth: Truth) -> tuple[bool, str]:
    """Fees are what the gateway keeps of what it captured; they have an entry of their own, per bill."""
    words, holds = [], True
    for gateway in ("WECHAT", "ALIPAY"):
        ours = _balance(ask, f"gateway:{gateway}") + _fees(ask, gateway)
        moved = [_moved(ask, trade, truth) for key, trade in truth.trades.items() if key[0] == gateway]
        theirs = sum(paid - back for paid, back in moved)
        holds &= ours == theirs
        words.append(f"{gateway} {yuan(ours)}" + ("" if ours == theirs else f" ≠ {yuan(theirs)}"))
    return holds, ", ".join(words)


def _each_trade_agrees(ask: Ask, truth: Truth) -> tuple[bool, str]:
    """Trade by trade, so that two mistakes cannot cancel out."""
    rows = ask("SELECT channel, out_trade_no, paid_minor, refunded_minor FROM payments_attempt WHERE channel <> 'CASH'")
    ours = {(channel, number): (paid or 0, back) for channel, number, paid, back in rows}
    theirs = {key: _moved(ask, trade, truth) for key, trade in truth.trades.items()}
    nothing = (0, 0)
    wrong = [
        f"{key[1]}: paid, back {ours.get(key, nothing)} ≠ {theirs.get(key, nothing)}"
        for key in ours.keys() | theirs.keys()
        if ours.get(key, nothing) != theirs.get(key, nothing)
    ]
    return not wrong, some(wrong) or f"{len(theirs)} trades"


def _moved(ask: Ask, trade: Mapping[str, Any], truth: Truth) -> tuple[int, int]:
    """What was paid by a trade, and what of it went back as far as we can know."""
    back = 0
    for refund in trade["refunds"]:
        if refund["ends"] == "SUCCESS" and (
            truth.bills_are_read or refund["by"] != "console" or _is_booked(ask, refund["no"])
        ):
            back += refund["amount"]
    return trade["captured"], back


def _is_booked(ask: Ask, number: str) -> bool:
    return bool(ask("SELECT 1 FROM payments_refund WHERE out_refund_no = %s AND state = 'SUCCESS'", number))


def _attempts_equal_orders(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    """Σ over attempts (paid − refunded) = Σ over orders (applied − refunded)."""
    attempts = ask("SELECT coalesce(sum(coalesce(paid_minor, 0) - refunded_minor), 0) FROM payments_attempt")[0][0]
    orders = ask("SELECT coalesce(sum(paid_minor - returned_minor), 0) FROM orders_order")[0][0]
    return attempts == orders, f"{yuan(attempts)} and {yuan(orders)}"


def _suspense_is_empty(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    left = _balance(ask, "suspense")
    through = ask(
        "SELECT coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0) FROM payments_ledgerposting p"
        " JOIN payments_ledgeraccount a ON a.id = p.account_id WHERE a.name = 'suspense'"
    )[0][0]
    return left == 0, f"{yuan(left)} left, {yuan(through)} went through"


def _all_money_is_applied(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    waiting = ask("SELECT out_trade_no FROM payments_attempt WHERE state = 'SUCCESS' AND applied_at IS NULL")
    kinds = ask("SELECT disposition, count(*) FROM payments_attempt WHERE applied_at IS NOT NULL GROUP BY 1 ORDER BY 1")
    return not waiting, some([row[0] for row in waiting]) or ", ".join(f"{n} {kind}" for kind, n in kinds)


def _no_paid_trade_is_unknown(ask: Ask, truth: Truth) -> tuple[bool, str]:
    known = {(row[0], row[1]): row[2] for row in ask("SELECT channel, out_trade_no, state FROM payments_attempt")}
    paid = [key for key, trade in truth.trades.items() if trade["captured"]]
    wrong = [f"{key[1]} is {known.get(key, 'unknown')}" for key in paid if known.get(key) != "SUCCESS"]
    return not wrong, some(wrong) or f"{len(paid)} paid trades"


def _paid_is_what_was_asked(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    wrong = ask(
        "SELECT a.out_trade_no FROM payments_attempt a JOIN orders_order o ON o.id = a.order_id"
        " WHERE a.disposition = 'APPLIED' AND (a.paid_minor <> a.amount_minor OR o.paid_minor <> a.paid_minor"
        " OR a.paid_minor <> o.items_minor + o.delivery_minor)"
    )
    kept = ask("SELECT count(*) FROM payments_attempt WHERE disposition = 'MISMATCH'")[0][0]
    return not wrong, some([row[0] for row in wrong]) or f"{kept} other amounts went back"


def _paid_orders_have_their_money(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    rows = ask(
        "SELECT o.public_id, o.payment_status, o.paid_minor FROM orders_order o WHERE o.method <> 'CASH'"
        " AND (o.payment_status IN ('PAID', 'PARTLY_REFUNDED', 'REFUNDED')) IS DISTINCT FROM"
        " EXISTS (SELECT FROM payments_attempt a WHERE a.order_id = o.id AND a.disposition = 'APPLIED'"
        " AND a.paid_minor = o.paid_minor)"
    )
    paid = ask("SELECT count(*) FROM orders_order WHERE payment_status = 'PAID'")[0][0]
    return not rows, some([f"{row[0]} {row[1]}" for row in rows]) or f"{paid} paid orders"


def _cancelled_orders_keep_nothing(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    rows = ask(
        "SELECT o.public_id, sum(coalesce(a.paid_minor, 0) - a.refunded_minor) FROM orders_order o"
        " JOIN payments_attempt a ON a.order_id = o.id WHERE o.status = 'CANCELLED' GROUP BY 1"
        " HAVING sum(coalesce(a.paid_minor, 0) - a.refunded_minor) <> 0"
    )
    back = ask(
        "SELECT count(*), coalesce(sum(a.refunded_minor), 0) FROM payments_attempt a JOIN orders_order o"
        " ON o.id = a.order_id WHERE o.status = 'CANCELLED' AND a.refunded_minor > 0"
    )[0]
    return not rows, some(
        [f"{row[0]} keeps {yuan(row[1])}" for row in rows]
    ) or f"{yuan(back[1])} of {back[0]} went back"


def _no_order_waits_for_money(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    rows = ask(
        "SELECT public_id, payment_status FROM orders_order"
        " WHERE payment_status IN ('UNPAID', 'PROCESSING') AND status <> 'CANCELLED'"
    )
    stuck = ask("SELECT public_id FROM orders_order WHERE status = 'CANCELLED' AND payment_status = 'PROCESSING'")
    return not rows + stuck, some([row[0] for row in rows + stuck]) or "none"


def _no_refund_waits(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    rows = ask("SELECT state, count(*) FROM payments_refund GROUP BY 1 ORDER BY 1")
    owed = ask("SELECT out_trade_no FROM payments_attempt WHERE refund_reserved_minor <> refunded_minor")
    waiting = [f"{n} {state}" for state, n in rows if state != "SUCCESS"]
    return not waiting and not owed, some(waiting + [row[0] for row in owed]) or f"{sum(n for _s, n in rows)} refunds"


def _forgeries_are_refused(ask: Ask, truth: Truth) -> tuple[bool, str]:
    """Each got a 401 (or met a process that had just died) and left a row that says why."""
    kept = ask("SELECT count(*) FROM payments_inboxentry WHERE NOT verified")[0][0]
    refused = truth.forgeries.get(401, 0)
    wrong = {status: count for status, count in truth.forgeries.items() if status not in {0, 401}}
    words = f"{refused} refused, {kept} kept" + (f", answered otherwise: {wrong}" if wrong else "")
    return not wrong and kept >= refused, words


def _riders_hold_the_cash(ask: Ask, _truth: Truth) -> tuple[bool, str]:
    rows = ask(
        "SELECT collector, sum(paid_minor - refunded_minor), count(*) FROM payments_attempt"
        " WHERE channel = 'CASH' GROUP BY 1"
    )
    wrong = [row[0] for row in rows if _balance(ask, f"cash:{row[0]}") != row[1]]
    return not wrong, some(wrong) or ", ".join(f"{yuan(row[1])} from {row[2]} doors" for row in rows) or "no cash"


def _balance(ask: Ask, account: str) -> int:
    return int(
        ask(
            "SELECT coalesce(sum(amount_minor), 0) FROM payments_ledgerposting p"
            " JOIN payments_ledgeraccount a ON a.id = p.account_id WHERE a.name = %s",
            account,
        )[0][0]
    )


def _fees(ask: Ask, gateway: str) -> int:
    return int(
        ask(
            "SELECT coalesce(sum(p.amount_minor), 0) FROM payments_ledgerposting p"
            " JOIN payments_ledgeraccount a ON a.id = p.account_id JOIN payments_ledgerentry e ON e.id = p.entry_id"
            " WHERE a.name = 'expense:gateway_fee' AND e.ref LIKE %s",
            f"fee:{gateway}:%",
        )[0][0]
    )


Proof = Callable[[Ask, Truth], tuple[bool, str]]
PROOFS: Final[dict[str, Proof]] = {
    "the ledger sums to zero": _ledger_sums_to_zero,
    "the gateways agree": _gateways_agree,
    "each trade agrees": _each_trade_agrees,
    "attempts equal orders": _attempts_equal_orders,
    "suspense is empty": _suspense_is_empty,
    "all money is applied": _all_money_is_applied,
    "no paid trade is unknown": _no_paid_trade_is_unknown,
    "paid is what was asked": _paid_is_what_was_asked,
    "paid orders have their money": _paid_orders_have_their_money,
    "cancelled orders keep nothing": _cancelled_orders_keep_nothing,
    "no order waits for money": _no_order_waits_for_money,
    "no refund waits": _no_refund_waits,
    "each key has one buyer": goods_proofs.keys_have_one_buyer,
    "stock is not left reserved": goods_proofs.goods_are_not_left_reserved,
    "streams are dense": goods_proofs.streams_are_dense,
    "statuses go forward": goods_proofs.statuses_go_forward,
    "forgeries are refused": _forgeries_are_refused,
    "riders hold the cash": _riders_hold_the_cash,
    "no event is parked": goods_proofs.nothing_is_parked,
}
