"""One bill beside our books: full joins in SQL that return only what differs. Called by fetching.py.

Both sides of a day are joined by the numbers that both know. Whatever is on one side only, or is not the same on both,
comes back as a Mismatch, and explaining.py finds out what it means.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from payments.gateways.bills import BEIJING
from payments.models import Bill

# A number that comes twice in a bill is nth 1 and nth 2: only the first can be ours.
THEIRS: Final = """
    SELECT id, {number} AS number, amount_minor, gateway_txn_no,
           row_number() OVER (PARTITION BY {number} ORDER BY line_no) AS nth
    FROM payments_billline WHERE bill_id = %(bill)s AND kind = %(kind)s
"""
PAYMENTS: Final = f"""
    WITH theirs AS ({THEIRS.format(number="out_trade_no")}), ours AS (
        SELECT id, out_trade_no AS number, paid_minor AS amount_minor, gateway_txn_no, 1 AS nth
        FROM payments_attempt
        WHERE channel = %(channel)s AND merchant_account = %(account)s AND bill_date = %(day)s AND state = 'SUCCESS'
    )
    SELECT theirs.id, theirs.nth, ours.id FROM theirs FULL JOIN ours USING (number, nth)
    WHERE theirs.id IS NULL OR ours.id IS NULL
       OR (theirs.amount_minor, theirs.gateway_txn_no) <> (ours.amount_minor, ours.gateway_txn_no)
    ORDER BY theirs.id, ours.id
"""  # noqa: S608 - a name of ours
REFUNDS: Final = f"""
    WITH theirs AS ({THEIRS.format(number="out_refund_no")}), ours AS (
        SELECT r.id, r.out_refund_no AS number, r.amount_minor, 1 AS nth
        FROM payments_refund r JOIN payments_attempt a ON a.id = r.attempt_id
        WHERE r.state = 'SUCCESS' AND r.succeeded_at >= %(begin)s AND r.succeeded_at < %(end)s AND r.way = ''
          AND a.channel = %(channel)s AND a.merchant_account = %(account)s
    )
    SELECT theirs.id, theirs.nth, ours.id FROM theirs FULL JOIN ours USING (number, nth)
    WHERE theirs.id IS NULL OR ours.id IS NULL OR theirs.amount_minor <> ours.amount_minor
    ORDER BY theirs.id, ours.id
"""  # noqa: S608 - a name of ours
FEES: Final = """
    SELECT count(*) FILTER (WHERE abs(fee_minor - fee) > 1), coalesce(sum(fee), 0), coalesce(sum(fee_minor), 0),
           (array_agg(out_trade_no ORDER BY line_no) FILTER (WHERE abs(fee_minor - fee) > 1))[:5]
    FROM (
        SELECT *, round(amount_minor * %(rate)s / 10000.0) * CASE kind WHEN 'refund' THEN -1 ELSE 1 END AS fee
        FROM payments_billline WHERE bill_id = %(bill)s
    ) AS lines
"""


class Mismatch(NamedTuple):
    """A line and one of our rows that are not the same; None where a side has nothing. `nth` > 1: a repeated line."""

    line: int | None
    nth: int | None
    ours: int | None


class Fees(NamedTuple):
    """How many lines cost more or less than agreed (by more than the rounding), and both sums in minor units."""

    wrong: int
    agreed_minor: int
    taken_minor: int
    trades: list[str]


def payments(bill: Bill) -> list[Mismatch]:
    """What differs between the payments of the bill and our paid attempts of its day."""
    return _ask(PAYMENTS, bill, kind="payment")


def refunds(bill: Bill) -> list[Mismatch]:
    """What differs between the refunds of the bill and ours that succeeded on its day."""
    begin = datetime.combine(bill.day, time.min, tzinfo=BEIJING).astimezone(UTC)
    return _ask(REFUNDS, bill, kind="refund", begin=begin, end=begin + timedelta(days=1))


def fees(bill: Bill, per_10000: int) -> Fees:
    """What the gateway kept beside what was agreed."""
    with connection.cursor() as cursor:
        cursor.execute(FEES, {"bill": bill.pk, "rate": per_10000})
        wrong, agreed, taken, trades = cursor.fetchone()
    return Fees(wrong, int(agreed), int(taken), trades or [])


def _ask(sql: str, bill: Bill, **more: str | datetime) -> list[Mismatch]:
    known: dict[str, Any] = {
        "bill": bill.pk,
        "channel": bill.channel,
        "account": bill.merchant_account,
        "day": bill.day,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, known | more)
        return [Mismatch(*row) for row in cursor.fetchall()]
