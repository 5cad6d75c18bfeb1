"""PostgreSQL on paper: committed rows, sessions that die, row locks, and the few queries that the log asks of it.

What is written inside `atomic` is seen by others once it commits; a session that dies takes back what it wrote and
gives up its locks. Every statement is a point at which its thread may be stopped or killed, before and after.
"""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psycopg
from django.db import OperationalError
from greenlet import getcurrent

from notifications.log import leadership
from tests.notifications.simulation.clockwork import pause, wait

DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Session:
    """One connection to the database."""

    def __init__(self, pid):
        self.pid = pid
        self.is_alive = True
        self.depth = 0
        self.writes = []


class Database:
    """Everything that is on disk, and who holds what."""

    def __init__(self, loop, chance):
        self.loop, self.chance = loop, chance
        self.tables = {"event": [], "cursor": [], "parked": [], "leadership": []}
        self.sessions = []
        self.leader = None  # the session that holds the advisory lock
        self.locks = {}  # (table, key) → session
        self.held = set()  # ids of events whose rows somebody holds for a moment
        self.is_down = False
        self.ids = 0

    @property
    def events(self):
        return self.tables["event"]

    def now(self):
        return DAY + timedelta(seconds=self.loop.time())

    def connect(self):
        if self.is_down:
            raise psycopg.OperationalError("the database is starting up")
        session = Session(len(self.sessions) + 1)
        self.sessions.append(session)
        return session

    def end(self, session):
        session.is_alive = False
        session.writes.clear()
        session.depth = 0
        if self.leader is session:
            self.leader = None
        self.locks = {key: holder for key, holder in self.locks.items() if holder is not session}

    def crash(self):
        """Every session ends; what was committed stays."""
        self.is_down = True
        self.held.clear()
        for session in self.sessions:
            self.end(session)

    # ── what the ORM's threads ask ────────────────────────────────────────────────────────────────
    def session(self):
        """The running thread's connection; a new one when it has none. Raises OperationalError."""
        here = getcurrent()
        session = getattr(here, "session", None)
        if session is None:
            try:
                session = self.connect()
            except psycopg.Error as error:
                raise OperationalError(str(error)) from None
            here.session = session
        if not session.is_alive:
            raise OperationalError("the connection is closed")
        return session

    def close(self):
        here = getcurrent()
        if here.session is not None:
            self.end(here.session)
        here.session = None

    def is_usable(self):
        here = getcurrent()
        return here.session is not None and here.session.is_alive

    def statement(self):
        pause()
        return self.session()

    def write(self, session, change):
        if session.depth:
            session.writes.append(change)
        else:
            change()
            pause()

    @contextmanager
    def atomic(self):
        session = self.session()
        mark = len(session.writes)
        session.depth += 1
        try:
            yield
            if session.depth == 1:
                pause()
                if not session.is_alive:
                    raise OperationalError("the connection was lost")  # noqa: TRY301 - taken back below
                for change in session.writes:
                    change()
        except BaseException:
            del session.writes[mark:]
            raise
        finally:
            session.depth = max(0, session.depth - 1)
            self.unlock(session)
            if not session.depth:
                session.writes.clear()
        pause()

    def lock(self, session, key):
        while self.locks.get(key, session) is not session:
            wait(0.01)
            self.session()
        self.locks[key] = session

    def unlock(self, session):
        """Give up its locks, if its transaction is over."""
        if not session.depth:
            self.locks = {key: holder for key, holder in self.locks.items() if holder is not session}

    # ── what the leader's own connection asks ─────────────────────────────────────────────────────
    def answer(self, session, query, params):
        if query == leadership.NUMBER:
            return self.number(session, *params)
        if query == leadership.CLAIM:
            row = self.leadership()
            row.epoch, row.beat_at = row.epoch + 1, self.loop.time()
            return [(row.epoch,)]
        if query == leadership.FROZEN:
            stale = self.leader and self.leadership().beat_at < self.loop.time() - params[1]
            return [(self.leader.pid,)] if stale else []
        if "pg_try_advisory_lock" in query:
            self.leader = self.leader or session
            return [(self.leader is session,)]
        if "pg_terminate_backend" in query:
            self.end(self.sessions[params[0] - 1])
            return [(True,)]
        assert query.startswith("UPDATE notifications_leadership SET beat_at"), query
        self.leadership().beat_at = self.loop.time()
        return []

    def leadership(self):
        if not self.tables["leadership"]:
            self.tables["leadership"].append(SimpleNamespace(name="sequencer", epoch=0, beat_at=0.0))
        return self.tables["leadership"][0]

    def pending(self, limit):
        return sorted((row for row in self.events if row.position is None), key=lambda row: row.id)[:limit]

    def number(self, session, limit):
        rows = self.pending(limit)
        while any(row.id in self.held for row in rows):
            wait(0.01)  # an update waits for whoever holds the row
            if not session.is_alive:
                raise psycopg.OperationalError("the connection is closed")
        return self.give_positions(rows)

    def give_positions(self, rows):
        last = max((row.position or 0 for row in self.events), default=0)
        for row in rows:
            row.position = last = last + 1
        return [(row.position, row.stream, row.version, row.type, row.data, row.only, row.topics, row.at)
                for row in rows]  # fmt: skip


class Wire:
    """A psycopg connection: the leader's."""

    def __init__(self, database):
        pause()
        self.database = database
        self.owner = getcurrent().owner
        self.session = database.connect()

    def execute(self, query, params=None):
        pause()
        self._require_life()
        self._rows = self.database.answer(self.session, query, params or [])
        pause()
        self._require_life()
        return self

    @contextmanager
    def cursor(self):
        yield self

    def fetchone(self):
        return self._rows[0] if self._rows else None

    def fetchall(self):
        return self._rows

    def close(self):
        self.database.end(self.session)

    def _require_life(self):
        if not self.session.is_alive:
            raise psycopg.OperationalError("the connection is closed")
