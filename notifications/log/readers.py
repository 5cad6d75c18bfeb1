"""Readers: who hears what happened, each at its own pace; `manage.py relay` runs the table of config/events.py.

Each reader hears every event at least once, in order within a stream. A handler that fails parks its event's
stream: that event waits, with the later ones of the stream behind it, is tried again with growing pauses and from
admin; all other streams go on. Handler and progress share one transaction, so a handler that only writes to
PostgreSQL takes effect exactly once; one that does anything else must bear being run again.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from threading import Event as Flag
from typing import Any

from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet

from config.ground import clock
from notifications.log.heard import Handler, Heard
from notifications.log.models import Event, ParkedEvent, ReaderCursor
from notifications.log.wire import give_up_when_frozen

BATCH = 200  # events read at once
POLL = 1.0  # seconds: the net under the wake-up
PAUSES = (1, 5, 15, 60, 300, 1_800, 3_600)  # seconds before the next try; the last one repeats
COLUMNS = ("position", "stream", "version", "type", "data", "only", "actor", "account", "at", "traceparent", "topics")

logger = logging.getLogger(__name__)


class Reader:
    """One entry of READERS. Two relays may run the same reader: the cursor's row lock takes turns."""

    def __init__(self, name: str, handler: Handler) -> None:
        self.name = name
        self.handler = handler
        self._types: frozenset[str] | None = getattr(handler, "hears", None)

    def step(self) -> int:
        """Read one batch and what is due of the parked; returns how many events were passed."""
        self.retry_parked()
        cursor, _new = ReaderCursor.objects.get_or_create(name=self.name)
        events = [Heard(*row) for row in self._after(cursor.position)]
        reached = cursor.position
        for event in events:
            if not self._listens_to(event):
                continue
            if not self._pass(event, reached, handle=True):
                return 0  # another relay was here meanwhile
            reached = event.position
        if events and events[-1].position > reached:
            self._pass(events[-1], reached, handle=False)
        return len(events)

    def retry_parked(self) -> None:
        """Try the first waiting event of each parked stream again, where due, and those behind it."""
        waiting = ParkedEvent.objects.filter(reader=self.name, resolved_at=None)
        heads = waiting.order_by("stream", "position").distinct("stream")
        for parked in list(heads):
            if parked.next_try_at <= clock.now():
                self._go_through(parked.stream)

    def _after(self, position: int) -> QuerySet[Event, tuple[Any, ...]]:
        return Event.objects.filter(position__gt=position).order_by("position").values_list(*COLUMNS)[:BATCH]

    def _listens_to(self, event: Heard) -> bool:
        return self._types is None or event.type in self._types

    def _pass(self, event: Heard, reached: int, *, handle: bool) -> bool:
        """Move the cursor from `reached` to `event`, handling or parking it; False when it is not at `reached`."""
        with transaction.atomic():
            mine = ReaderCursor.objects.select_for_update(no_key=True).filter(name=self.name, position=reached)
            if not mine.exists():
                return False
            if handle:
                self._handle_or_park(event)
            ReaderCursor.objects.filter(name=self.name).update(position=event.position)
        return True

    def _handle_or_park(self, event: Heard) -> None:
        behind = ParkedEvent.objects.filter(reader=self.name, stream=event.stream, resolved_at=None).exists()
        error = "" if behind else self._try(event)
        if not behind and error is None:
            return
        ParkedEvent.objects.create(
            reader=self.name,
            position=event.position,
            stream=event.stream,
            error=error or "",
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


def run(stop: Flag, table: Mapping[str, Handler], numbered: Flag) -> None:
    """Run every reader of the table in turns until told to stop, through any failure of PostgreSQL.

    `numbered` is set by this relay's sequencer when there is something new; another relay's news is polled for.
    """
    readers = [Reader(name, handler) for name, handler in table.items()]
    while not stop.is_set():
        try:
            give_up_when_frozen()
            passed = [reader.step() for reader in readers]
        except Error as error:
            logger.warning("readers pause: %s", error)
            connection.close()
            stop.wait(POLL)
            continue
        if BATCH not in passed:
            numbered.wait(POLL)
            numbered.clear()
    connection.close()
