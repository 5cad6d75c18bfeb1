"""Readers: who hears what happened, each at its own pace; `manage.py relay` runs the table of config/events.py.

Each reader hears every event at least once, in order within a stream. A handler that fails parks its event's
stream: that event waits, with the later ones of the stream behind it, is tried again with growing pauses and from
admin; all other streams go on. Handler and progress share one transaction, so a handler that only writes to
PostgreSQL takes effect exactly once; one that does anything else must bear being run again.

Readers follow screens, so they spare the database that both share: those at one position read once together, those
that an event does not concern move in one statement, a short pause between rounds gathers what is new, and a handler
that says how (`hear_all`) hears it in one transaction.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from threading import Event as Flag

from django.db import Error, InterfaceError, OperationalError, connection, transaction

from config.ground import clock
from notifications.log.heard import Handler, HearAll, Heard
from notifications.log.models import Event, ParkedEvent, ReaderCursor
from notifications.log.wire import open_reader_session

BATCH = 200  # events read at once
TOGETHER = 50  # events heard in one transaction, so that nobody waits long for its locks
PACE = 0.02  # seconds between two rounds
POLL = 1.0  # seconds: the net under the wake-up, and how often it is looked whether a parked event is due
PAUSES = (1, 5, 15, 60, 300, 1_800, 3_600)  # seconds before the next try; the last one repeats
COLUMNS = ("position", "stream", "version", "type", "data", "only", "actor", "account", "at", "traceparent", "topics")

logger = logging.getLogger(__name__)


class Reader:
    """One entry of READERS. Two relays may run the same reader: the cursor's row lock takes turns."""

    def __init__(self, name: str, handler: Handler) -> None:
        self.name = name
        self.handler = handler
        self._types: frozenset[str] | None = getattr(handler, "hears", None)
        self._hear_all: HearAll | None = getattr(handler, "hear_all", None)
        self._held_up: set[str] = set()  # streams of the batch in which an event is parked

    def step(self) -> int:
        """Read one batch and what is due of the parked; returns how many events were passed."""
        self.retry_parked()
        return _read_on([self])

    def follow(self, position: int, events: Iterable[Heard]) -> int | None:
        """Handle or park what concerns it of the events behind `position`, where its cursor was.

        Returns where the cursor is now, None when another relay was here meanwhile.
        """
        mine = [event for event in events if self._types is None or event.type in self._types]
        if mine:
            # asked after the cursor: what another relay parks from here on has moved the cursor too
            waiting = ParkedEvent.objects.filter(reader=self.name, resolved_at=None)
            streams = waiting.filter(stream__in={event.stream for event in mine}).values_list("stream", flat=True)
            self._held_up = set(streams)
        for first in range(0, len(mine), TOGETHER):
            part = mine[first : first + TOGETHER]
            if not self._pass_together(part, position) and not self._pass_each(part, position):
                return None
            position = part[-1].position
        return position

    def retry_parked(self) -> None:
        """Try the first waiting event of each parked stream again, where due, and those behind it."""
        waiting = ParkedEvent.objects.filter(reader=self.name, resolved_at=None)
        heads = waiting.order_by("stream", "position").distinct("stream")
        for parked in list(heads):
            if parked.next_try_at <= clock.now():
                self._go_through(parked.stream)

    def _pass_together(self, events: Sequence[Heard], position: int) -> bool:
        """Move the cursor to the last of the events, all of them handled at once; False when that is not possible."""
        held_up = any(event.stream in self._held_up for event in events)
        if self._hear_all is None or len(events) == 1 or held_up:
            return False
        try:
            with transaction.atomic():
                if not move([self.name], position, events[-1].position):
                    return False
                self._hear_all(events)
        except Exception as error:
            if not connection.is_usable():
                raise
            logger.warning("reader %s hears one by one from %s on: %r", self.name, events[0].position, error)
            return False
        return True

    def _pass_each(self, events: Sequence[Heard], position: int) -> bool:
        """Move the cursor over the events one by one; False when it is not where it should be."""
        for event in events:
            if not self._pass(event, position):
                return False
            position = event.position
        return True

    def _pass(self, event: Heard, position: int) -> bool:
        """Move the cursor to `event`, handling or parking it; False when it is not at `position` any more."""
        with transaction.atomic():
            if not move([self.name], position, event.position):
                return False
            self._handle_or_park(event)
        return True

    def _handle_or_park(self, event: Heard) -> None:
        behind = event.stream in self._held_up
        error = "" if behind else self._try(event)
        if error is None:
            return
        self._held_up.add(event.stream)
        ParkedEvent.objects.create(
            reader=self.name,
            position=event.position,
            stream=event.stream,
            error=error,
            tries=0 if behind else 1,
            next_try_at=clock.now() + timedelta(seconds=0 if behind else PAUSES[0]),
        )

    def _go_through(self, stream: str) -> None:
        """Handle the parked events of a stream in order, each in its own transaction, until one fails."""
        going = True
        while going:
            with transaction.atomic():
                # the cursor's lock first, as in _pass: no new event of the stream can slip past those waiting
                ReaderCursor.objects.select_for_update(no_key=True).filter(name=self.name).exists()
                waiting = ParkedEvent.objects.filter(reader=self.name, stream=stream, resolved_at=None)
                parked = waiting.order_by("position").first()
                going = parked is not None and self._retry(parked)

    def _retry(self, parked: ParkedEvent) -> bool:
        row = Event.objects.filter(position=parked.position).values_list(*COLUMNS).get()
        error = self._try(Heard(*row))
        parked.tries += 1
        if error is None:
            parked.resolved_at = clock.now()
        else:
            parked.error = error
            pause = PAUSES[min(parked.tries, len(PAUSES)) - 1]
            parked.next_try_at = clock.now() + timedelta(seconds=pause)
        parked.save(update_fields=["tries", "resolved_at", "error", "next_try_at"])
        return error is None

    def _try(self, event: Heard) -> str | None:
        """Run the handler in a savepoint; None when it went well, else the error's words."""
        try:
            with transaction.atomic():
                self.handler(event)
        except Exception as error:
            if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
                raise  # PostgreSQL went away: nobody's event is to blame
            logger.exception("reader %s parks %s at %s", self.name, event.stream, event.position)
            return f"{type(error).__name__}: {error}"[:2_000]
        return None


def after(position: int) -> list[Heard]:
    """The next batch of events behind a position."""
    rows = Event.objects.filter(position__gt=position).order_by("position").values_list(*COLUMNS)[:BATCH]
    return [Heard(*row) for row in rows]


def reached(readers: Collection[Reader]) -> dict[str, int]:
    """Reader's name → the position up to which it has handled or parked everything; 0 for a new one."""
    found = dict(ReaderCursor.objects.values_list("name", "position"))
    for reader in readers:
        if reader.name not in found:
            found[reader.name] = ReaderCursor.objects.get_or_create(name=reader.name)[0].position
    return found


def move(names: Collection[str], position: int, to: int) -> bool:
    """Move those of the cursors that are at `position`; whether there was one."""
    return bool(ReaderCursor.objects.filter(name__in=names, position=position).update(position=to))


def run(stop: Flag, table: Mapping[str, Handler], numbered: Flag) -> None:
    """Run every reader of the table in turns until told to stop, through any failure of PostgreSQL.

    `numbered` is set by this relay's sequencer when there is something new; another relay's news is polled for.
    """
    readers = [Reader(name, handler) for name, handler in table.items()]
    while not stop.is_set():
        try:
            open_reader_session()
            _go_on(stop, readers, numbered)
        except Error as error:
            logger.warning("readers pause: %s", error)
            connection.close()
            stop.wait(POLL)
    connection.close()


def _go_on(stop: Flag, readers: Collection[Reader], numbered: Flag) -> None:
    """Go round in one session."""
    looked_at = -POLL
    while not stop.is_set():
        if time.monotonic() - looked_at >= POLL:
            looked_at = time.monotonic()
            _retry_due(readers)
        if _read_on(readers) < BATCH:
            stop.wait(PACE)
            numbered.wait(POLL)
            numbered.clear()


def _retry_due(readers: Iterable[Reader]) -> None:
    """Try again what is due of the parked events of all readers."""
    due = ParkedEvent.objects.filter(resolved_at=None, next_try_at__lte=clock.now())
    waiting = set(due.values_list("reader", flat=True).distinct())
    for reader in readers:
        if reader.name in waiting:
            reader.retry_parked()


def _read_on(readers: Collection[Reader]) -> int:
    """Let each reader read one batch; returns the most events that one of them passed."""
    positions = reached(readers)
    read = cache(after)
    ends: dict[tuple[int, int], list[str]] = defaultdict(list)  # (where its cursor is, its batch's end) → names
    most = 0
    for reader in readers:
        events = read(positions[reader.name])
        handled = reader.follow(positions[reader.name], events)
        if not events or handled is None:
            continue
        most = max(most, len(events))
        if handled < events[-1].position:
            ends[handled, events[-1].position].append(reader.name)
    for (position, end), names in ends.items():
        move(names, position, end)
    return most
