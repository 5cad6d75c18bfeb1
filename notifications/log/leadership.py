"""The sequencer's hold on PostgreSQL: one leader by advisory lock, and the numbering itself.

The lock belongs to one session, and that same session numbers: whoever is fenced can number nothing more.
"""

import time
from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_loads

from notifications.log.frames import Numbered
from notifications.log.wire import postgres_connection

LOCK = 70_210_577  # any number that no other advisory lock of this database uses
STALE = 5.0  # seconds without a beat after which a leader counts as frozen; it beats each second
BEAT = 1.0  # seconds
TAKE_OVER = 0.5  # seconds to wait for the lock of a session that was just ended

NUMBER = """
WITH pending AS MATERIALIZED (
    SELECT id FROM notifications_event WHERE position IS NULL ORDER BY id LIMIT %s
), numbered AS (
    SELECT id, row_number() OVER (ORDER BY id) + (SELECT coalesce(max(position), 0) FROM notifications_event) AS place
    FROM pending
)
UPDATE notifications_event AS event SET position = numbered.place FROM numbered WHERE event.id = numbered.id
RETURNING event.position, stream, version, type, data, "only", topics, at
"""
# The planner expects a whole batch where one event waits, and would read the table for it; few rows want the index.
PLANS = "-c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan"
CLAIM = """
INSERT INTO notifications_leadership (name, epoch, beat_at) VALUES ('sequencer', 1, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET epoch = notifications_leadership.epoch + 1, beat_at = clock_timestamp()
RETURNING epoch
"""
FROZEN = """
SELECT held.pid FROM pg_locks AS held, notifications_leadership AS leader
WHERE held.locktype = 'advisory' AND held.classid = 0 AND held.objid = %s AND held.objsubid = 1 AND held.granted
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND leader.name = 'sequencer' AND leader.beat_at < clock_timestamp() - make_interval(secs => %s)
"""


class PostgresBook:
    """The log as the sequencer sees it. Any psycopg.Error from here means: let go, and try to lead again."""

    def __init__(self, *, stale: float = STALE) -> None:
        self._stale = stale
        self._session: psycopg.Connection[tuple[Any, ...]] | None = None
        self._suspect: int | None = None
        self._beat_at = 0.0

    def lead(self) -> int | None:
        """Try to become leader. Returns the new epoch, or None while another one leads and is alive."""
        if not self._try_lock() and not self._fence():
            return None
        self._suspect = None
        return self.new_epoch()

    def new_epoch(self) -> int:
        """Begin an epoch: every hub that hears of it reads again what it may have missed."""
        self._beat_at = time.monotonic()
        return int(self._one(CLAIM))

    def number(self, limit: int) -> list[Numbered]:
        """Give numbers to up to `limit` pending events in id order, committed; returns them by position."""
        self._beat()
        with self._connection().cursor() as cursor:
            cursor.execute(NUMBER, [limit])
            rows = cursor.fetchall()
        return sorted((Numbered(*row) for row in rows), key=lambda event: event.position)

    def let_go(self) -> None:
        """Give up the session, and with it the lock."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _try_lock(self) -> bool:
        return bool(self._one("SELECT pg_try_advisory_lock(%s)", [LOCK]))

    def _fence(self) -> bool:
        """End the session of a leader found stale twice in a row (a new one may not have beaten yet)."""
        pid = self._one(FROZEN, [LOCK, self._stale])
        if pid is None or pid != self._suspect:
            self._suspect = pid
            return False
        self._one("SELECT pg_terminate_backend(%s)", [pid])
        until = time.monotonic() + TAKE_OVER
        while time.monotonic() < until:
            if self._try_lock():
                return True
            time.sleep(0.002)
        return False

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at >= BEAT:
            self._connection().execute(
                "UPDATE notifications_leadership SET beat_at = clock_timestamp() WHERE name = 'sequencer'"
            )
            self._beat_at = time.monotonic()

    def _one(self, query: Any, params: list[Any] | None = None) -> Any:
        row = self._connection().execute(query, params).fetchone()
        return row[0] if row else None

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._session is None:
            self._session = postgres_connection(options=PLANS)
            set_json_loads(orjson.loads, self._session)
        return self._session
