"""How a service puts an event into the log: inside its transaction, in one statement with the change itself."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import redis
import structlog
from django.db import connection
from psycopg.types.json import Jsonb

from config.ground import clock
from notifications.log.wire import hint_channel, redis_connection

COLUMNS = 'stream, version, type, data, "only", topics, actor, account, at, traceparent'
CASTS = (
    "%s::varchar, %s::int, %s::varchar, %s::jsonb, %s::jsonb, %s::text[], "
    "%s::varchar, %s::varchar, %s::timestamptz, %s::varchar"
)
SILENCE = 1.0  # seconds without a hint after Redis failed, so that no request waits for it again and again

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event to append.

    `data` is a merge patch over the stream's snapshot that everyone may see; `only` maps a role
    (customer, merchant, rider, staff) to what that role sees besides. No secret, name, phone or address in either.
    `topics` are further topics that hear it, besides the stream itself.
    """

    stream: str
    version: int
    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    only: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    topics: Sequence[str] = ()
    actor: str = "system"
    account: str = ""

    def values(self) -> list[Any]:
        """Give the values of COLUMNS, in their order. The trace is the one bound to the running request."""
        return [
            self.stream,
            self.version,
            self.type,
            Jsonb(self.data, dumps=orjson.dumps),
            Jsonb(self.only, dumps=orjson.dumps),
            list(self.topics),
            self.actor,
            self.account,
            clock.now(),
            structlog.contextvars.get_contextvars().get("traceparent", ""),
        ]


def append(envelope: Envelope) -> None:
    """Append one event. The caller holds the lock of the row that `envelope.stream` belongs to.

    Raises RuntimeError outside a transaction, IntegrityError when the stream already has that version.
    """
    _inside_transaction()
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO notifications_event ({COLUMNS}) VALUES ({CASTS})", envelope.values())  # noqa: S608 - constants
    nudge()


def append_with(ctes: str, params: Sequence[Any], envelope: Envelope) -> list[tuple[Any, ...]]:
    """Make a change and append its event in one statement; returns the rows of the change.

    `ctes` is the text of one or more data-changing CTEs, the last named `moved` and returning one row
    ("moved AS (UPDATE … WHERE version = %s RETURNING …)"), `params` their parameters. No row moved → no event
    and an empty list. The event's id is drawn after the row lock because the insert reads from `moved`:
    ids are therefore in version order within a stream. Raises as `append`.
    """
    _inside_transaction()
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {ctes}, logged AS (INSERT INTO notifications_event ({COLUMNS}) SELECT {CASTS} FROM moved) "  # noqa: S608 - the caller's constant
            "SELECT * FROM moved",
            [*params, *envelope.values()],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    nudge()
    return rows


def nudge() -> None:
    """Wake the sequencer once this transaction commits: a hint only, its poll each second is the net."""
    if not any(func is _hint for _, func, *_ in connection.run_on_commit):
        connection.on_commit(_hint, robust=True)


class _Silence:
    """Until when (monotonic seconds) this process leaves Redis alone."""

    until = 0.0


def _hint() -> None:
    if time.monotonic() < _Silence.until:
        return
    try:
        redis_connection().publish(hint_channel(), b"")
    except redis.RedisError as error:
        _Silence.until = time.monotonic() + SILENCE
        logger.warning("no hint to the sequencer: %s", error)


def _inside_transaction() -> None:
    if not connection.in_atomic_block:
        message = "An event is appended in the transaction that makes it true; there is none."
        raise RuntimeError(message)
