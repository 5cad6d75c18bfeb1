"""Writes the log into the store, each position exactly once; config/tasks.py runs it, `manage.py analytics` too.

The order of work, and why a crash anywhere neither loses nor doubles a row:

1. claim: the range of positions is written down (`claimed_to`) before anything of it is stored;
2. write: the rows of the range as one local file a day, then each stored whole, under a name that range and day give;
3. settle: in one transaction the files begin to count and `position` moves to the end of the range.

Before 3 no reader looks at the files. A crash leaves the claim: the next turn writes the same range, so the same rows
under the same names. That no position counts twice is also a constraint of the database.
"""

import time
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from notifications.analytics.facts import Facts, Happened
from notifications.analytics.models import AnalyticsFile, AnalyticsState, name_of
from notifications.analytics.parquet import Written, write_days
from notifications.analytics.places import workplace
from notifications.analytics.store import Store, open_store
from notifications.analytics.turn import Turn, turn
from notifications.log.models import Event

BATCH = 20_000  # events of one range
AWHILE = 60.0  # seconds of writing in one run; a run has to end long before its worker's limit

# The end of the next range, and before which moment nothing is missing once it is written: all that is numbered was
# taken, so only what is unnumbered or not committed yet can be missing (an event is never older than its transaction).
END = (
    "SELECT max(position) FROM (SELECT position FROM notifications_event WHERE position > %s ORDER BY 1 LIMIT %s) AS e"
)
BEHIND = "SELECT min(at) FROM (SELECT at FROM notifications_event WHERE position > %s ORDER BY position LIMIT %s) AS e"
UNTIL = """
SELECT least(
    clock_timestamp(),
    (SELECT min(at) FROM (SELECT at FROM notifications_event WHERE position IS NULL ORDER BY id LIMIT 1000) AS e),
    (SELECT min(xact_start) FROM pg_stat_activity
      WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND (backend_xid IS NOT NULL OR state = 'active'))
)
"""

FIELDS = ("position", "id", "stream", "version", "type", "at", "actor", "data")


class Claim(NamedTuple):
    """Positions, both inclusive, that are to be written; `first` > `last` when there are none."""

    first: int
    last: int


def the_store() -> Store:
    """The store of this installation."""
    return open_store(settings.ANALYTICS_URL, **settings.ANALYTICS_S3)


def write(facts: Facts, store: Store, *, batch: int = BATCH, at_once: bool = False) -> int:
    """Write what is there, for a while; returns how many positions. 0 also while another writes or a pause lasts.

    Raises StoreAway (noted in the row of the export, with the time of the next try).
    """
    done, end = 0, time.monotonic() + AWHILE
    with turn(at_once=at_once) as mine:
        while mine is not None and time.monotonic() < end:
            wanted = claim(mine, batch)
            if wanted.last < wanted.first:
                break
            with workplace() as folder:
                written = write_days(events(wanted), facts, folder)
                store_all(store, wanted, written)
                settle(mine, wanted, written)
            done += wanted.last - wanted.first + 1
    return done


@transaction.atomic
def claim(mine: Turn, batch: int) -> Claim:
    """Write down the next range; one that was claimed and not settled comes first. Raises TurnLost."""
    state = mine.state()
    if state.claimed_to is None:
        # asked before looking for the end, or what commits in between would be promised and not be there
        until = _one(UNTIL)
        end = _one(END, state.position, batch)
        until = min(filter(None, (until, _one(BEHIND, end, batch) if end else None)))
        if end is None:
            state.complete_until = until
        state.claimed_to, state.claimed_until = end, until if end else None
        state.save(update_fields=["claimed_to", "claimed_until", "complete_until"])
    return Claim(state.position + 1, state.claimed_to or state.position)


def events(wanted: Claim) -> list[Happened]:
    """The events of a range, by position."""
    rows = Event.objects.filter(position__gte=wanted.first, position__lte=wanted.last).order_by("position")
    found = [Happened(*row) for row in rows.values_list(*FIELDS)]
    if len(found) != wanted.last - wanted.first + 1:
        message = f"positions {wanted.first} to {wanted.last}: only {len(found)} are in the log"
        raise RuntimeError(message)
    return found


def store_all(store: Store, wanted: Claim, written: dict[date, Written]) -> None:
    """Store the file of each day. Raises StoreAway."""
    for day, file in sorted(written.items()):
        store.put(name_of(day, wanted.first, wanted.last), file.path)


@transaction.atomic
def settle(mine: Turn, wanted: Claim, written: dict[date, Written]) -> None:
    """Let the files count, and the export move on. Raises TurnLost."""
    state: AnalyticsState = mine.state()
    if (state.position + 1, state.claimed_to) != wanted:
        message = f"{wanted} was written, {state} is not there"
        raise RuntimeError(message)
    AnalyticsFile.objects.bulk_create(_files(wanted, written))
    state.position, state.complete_until = wanted.last, state.claimed_until
    state.claimed_to = state.claimed_until = None
    state.save(update_fields=["position", "complete_until", "claimed_to", "claimed_until"])


def behind() -> int:
    """How many numbered events are not written yet."""
    state = AnalyticsState.objects.filter(name="export").first()
    end = Event.objects.filter(position__isnull=False).order_by("-position").values_list("position", flat=True).first()
    return (end or 0) - (state.position if state else 0)


def _files(wanted: Claim, written: dict[date, Written]) -> Sequence[AnalyticsFile]:
    return [
        AnalyticsFile(
            name=name_of(day, *wanted),
            day=day,
            first=wanted.first,
            last=wanted.last,
            rows=file.rows,
            bytes=file.path.stat().st_size,
        )
        for day, file in written.items()
    ]


def _one(query: str, *params: int | None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchone()[0]
