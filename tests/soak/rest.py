"""Has everything come to rest? What is still due now, and when the next thing will be; driver.py waits and jumps by it.

Read in SQL from the product's own columns of "when next": nothing here sleeps for a time, it waits for a state.
"""

from datetime import datetime
from typing import Any, Final

import psycopg

DUE: Final = {  # what → query; %(now)s is the soak's time
    "orders past their deadline": """
        SELECT count(*) FROM orders_order WHERE status = 'PENDING' AND payment_status IN ('UNPAID', 'PROCESSING')
           AND expires_at <= %(now)s""",
    "answers overdue": """
        SELECT count(*) FROM orders_order WHERE status = 'PENDING' AND answer_by <= %(now)s
           AND payment_status NOT IN ('UNPAID', 'PROCESSING')""",
    "money not applied": """
        SELECT count(*) FROM payments_attempt
         WHERE state = 'SUCCESS' AND applied_at IS NULL AND set_aside_at IS NULL""",
    "payments to ask about": "SELECT count(*) FROM payments_attempt WHERE next_sync_at <= %(now)s",
    "refunds to push": """
        SELECT count(*) FROM payments_refund WHERE state IN ('REQUESTED', 'SUBMITTED', 'UNKNOWN', 'PROCESSING')
           AND next_try_at <= %(now)s""",
    "events to number": "SELECT count(*) FROM notifications_event WHERE position IS NULL",
    "events to read": """
        SELECT coalesce(max(e.last - c.position), 0)
          FROM notifications_readercursor c, (SELECT max(position) AS last FROM notifications_event) e""",
    "events parked": """
        SELECT count(*) FROM notifications_parkedevent WHERE resolved_at IS NULL AND next_try_at <= %(now)s""",
}
NEXT: Final = """
    SELECT min(at) FROM (
        SELECT min(next_sync_at) AS at FROM payments_attempt
        UNION ALL SELECT min(next_try_at) FROM payments_refund
            WHERE state IN ('REQUESTED', 'SUBMITTED', 'UNKNOWN', 'PROCESSING')
        UNION ALL SELECT min(expires_at) FROM orders_order
            WHERE status = 'PENDING' AND payment_status IN ('UNPAID', 'PROCESSING')
        UNION ALL SELECT min(answer_by) FROM orders_order
            WHERE status = 'PENDING' AND payment_status NOT IN ('UNPAID', 'PROCESSING')
        UNION ALL SELECT min(next_try_at) FROM notifications_parkedevent WHERE resolved_at IS NULL
    ) moments"""


class Rest:
    """Asks one database."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True)

    def due(self, now: datetime) -> dict[str, int]:
        """What should be done by now and is not; empty when everything rests."""
        counts = {what: int(self._one(query, now)) for what, query in DUE.items()}
        return {what: count for what, count in counts.items() if count}

    def next_moment(self, now: datetime) -> datetime | None:
        """When the next thing falls due; None when nothing ever will."""
        moment: datetime | None = self._one(NEXT, now)
        return moment

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _one(self, query: str, now: datetime) -> Any:
        row = self._connection.execute(query, {"now": now}).fetchone()
        return row[0] if row else 0
