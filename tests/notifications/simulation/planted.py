"""The protocol with one promise broken. A simulation that cannot tell one of these from the true one proves nothing.

`with planted(name):` breaks it; test_simulation.py then wants the simulation to fail within a few seeds.
"""

from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

from notifications.live import subscription
from notifications.live.connection import Connection
from notifications.live.hub import Hub
from notifications.live.subscription import Subscription
from notifications.log import frames, leadership, readers
from notifications.log.leadership import PostgresBook
from notifications.log.readers import Reader
from notifications.log.sequencer import Lost, Sequencer
from tests.notifications.simulation.paper import Database
from tests.notifications.simulation.people import Screen

# ── the sequencer ────────────────────────────────────────────────────────────────────────────────


def mark_before_send():
    """What has a number counts as sent: whoever leads next goes on counting, and says nothing of an epoch."""
    counted = {"epoch": None, "counter": 0}
    messages = Sequencer._messages

    def new_epoch(self):
        counted["epoch"] = counted["epoch"] or int(self._one(leadership.CLAIM))
        return counted["epoch"]

    def announced(self):
        self._announced = True

    def from_where_it_was(self, event):
        self._counter = counted["counter"]
        made = messages(self, event)
        counted["counter"] = self._counter
        return made

    return [(PostgresBook, "new_epoch", new_epoch), (Sequencer, "_announce", announced),
            (Sequencer, "_messages", from_where_it_was)]  # fmt: skip


def publish_before_commit():
    """Frames go out with the numbers that their events will surely get."""
    step = Sequencer.step

    def early(self, limit=500):
        database = getattr(self._book._session, "session", None) and self._book._session.database
        if database and self._epoch is not None and self._announced:
            rows = database.pending(limit)
            last = max((row.position or 0 for row in database.events), default=0)
            for place, row in enumerate(rows, start=last + 1):
                self._publish(self._messages(_numbered(row, place)))
            with mock.patch.object(self, "_publish"):
                return step(self, limit)
        return step(self, limit)

    return [(Sequencer, "step", early)]


def skip_failed_publish():
    """A batch that Redis did not take is logged, and the next one follows."""

    def publish(self, messages):
        try:
            if messages:
                self._outlet.publish(messages)
        except Lost:
            self._counter -= len(messages)

    return [(Sequencer, "_publish", publish)]


def lost_frames_begin_no_epoch():
    """After lost frames the counting begins anew, in the same epoch."""
    begin = Sequencer._begin

    def same(self, epoch):
        begin(self, self._epoch if self._epoch is not None else epoch)

    return [(Sequencer, "_begin", same)]


def reads_on_after_the_last_id():
    """`id > last` instead of "has no number": an event that commits late stays without."""

    def pending(self, limit):
        last = max((row.id for row in self.events if row.position), default=0)
        rows = [row for row in self.events if row.position is None and row.id > last]
        return sorted(rows, key=lambda row: row.id)[:limit]

    return [(Database, "pending", pending)]


def skips_locked_rows():
    """SKIP LOCKED: a row that somebody holds is overtaken by its successors."""

    def number(self, _session, limit):
        return self.give_positions([row for row in self.pending(limit) if row.id not in self.held])

    return [(Database, "number", number)]


def numbers_on_another_connection():
    """The lock on one connection, the numbering on another: a fenced leader goes on numbering."""

    def number(self, limit):
        rows = self._session.database.pending(limit)
        database, places = self._session.database, []
        last = max((row.position or 0 for row in database.events), default=0)
        leadership.time.sleep(0.02)
        for place, row in enumerate(rows, start=last + 1):
            row.position = place
            places.append(_numbered(row, place))
        return places

    return [(PostgresBook, "number", number)]


def _numbered(row, place):
    return frames.Numbered(place, row.stream, row.version, row.type, row.data, row.only, row.topics, row.at)


# ── the hub ──────────────────────────────────────────────────────────────────────────────────────


def no_resync():
    """Neither a jump nor an epoch lets anybody read the log again."""
    return [(Hub, "_resync", lambda self: None)]


def jump_ignored():
    """A jump of the counter means nothing."""
    is_next = Hub._is_next

    def careless(self, epoch, counter):
        if self._counter is not None and epoch == self._epoch and counter > self._counter:
            self._counter = counter
            return True
        return is_next(self, epoch, counter)

    return [(Hub, "_is_next", careless)]


def epoch_ignored():
    """A new epoch is taken over, but nobody reads again."""

    def adopt(self, epoch, counter):
        self._epoch, self._counter = epoch, counter

    return [(Hub, "_adopt", adopt)]


# ── a subscription ───────────────────────────────────────────────────────────────────────────────


def registers_after_reading():
    """The hub hears of a follower once it has read, not before."""
    join, fill, leave = Hub.join, Subscription._fill_once, Hub.leave

    async def read_then_join(self):
        hub = self.connection.hub
        leave_room(hub, self)
        await fill(self)
        if self.connection.subscriptions.get(self.name) is self:
            join(hub, self)

    def leave_room(hub, follower):
        again, task = follower._again, follower._task
        follower._task = None
        leave(hub, follower)
        follower._again, follower._task = again, task

    return [(Subscription, "_fill_once", read_then_join)]


def drops_what_came_while_reading():
    """Frames that come during the reading are surely in what was read."""
    offer = Subscription.offer

    def careless(self, message, version, position):
        if self.live:
            offer(self, message, version, position)

    return [(Subscription, "offer", careless)]


def position_after_the_snapshot():
    """The state is read first, then where the log stands."""
    read = subscription.read

    def backwards(topic, name, ref, role, after):
        told = []

        def kept(ref, role):
            return told[0]

        if after.version == 0 and after.position is None:
            told.append(topic.snapshot(ref, role))
            return read(SimpleNamespace(snapshot=kept, replay=topic.replay), name, ref, role, after)
        return read(topic, name, ref, role, after)

    return [(subscription, "read", backwards)]


def overflow_forgotten():
    """A slow screen's queue is dropped, and that is that."""

    def overflow(self):
        self._queue.clear()

    return [(Connection, "_overflow", overflow)]


# ── screens ──────────────────────────────────────────────────────────────────────────────────────


def nobody_notices_a_gap():
    """Neither hub nor subscription nor screen sees that a version is missing."""
    return [*jump_ignored(), (Screen, "notices_gaps", False), (Subscription, "_let_through", _without_gaps)]


def _without_gaps(self, message, version, position):
    if version and self.topic.replay:
        if version <= self.version:
            return
        self.version = version
    elif position <= self.position:
        return
    self.position = position
    self.connection.deliver(message)


# ── readers ──────────────────────────────────────────────────────────────────────────────────────


def skip_failed_event():
    """An event that a handler cannot bear is logged and passed over."""

    def handle(self, event):
        self._try(event)

    return [(Reader, "_handle_or_park", handle)]


def cursor_before_handling():
    """The cursor moves in a transaction of its own, then the event is handled."""

    def early(self, event, position):
        moved = readers.move([self.name], position, event.position)
        if moved:
            with readers.transaction.atomic():
                self._handle_or_park(event)
        return moved

    return [(Reader, "_pass", early)]


def parked_are_overtaken():
    """A parked event does not hold up those behind it."""

    def handle(self, event):
        error = self._try(event)
        if error is not None:
            due = {"next_try_at": readers.clock.now(), "tries": 1, "error": error}
            readers.ParkedEvent.objects.create(reader=self.name, position=event.position, stream=event.stream, **due)

    return [(Reader, "_handle_or_park", handle)]


class Planted(NamedTuple):
    """How to break it, and a seed that is known to show it."""

    bug: Callable[[], list[tuple[object, str, object]]]
    seed: int


SEEDS = (
    (mark_before_send, 8), (publish_before_commit, 1), (skip_failed_publish, 9), (lost_frames_begin_no_epoch, 4),
    (reads_on_after_the_last_id, 0), (skips_locked_rows, 2), (numbers_on_another_connection, 4), (no_resync, 1),
    (jump_ignored, 7), (epoch_ignored, 1), (registers_after_reading, 15), (drops_what_came_while_reading, 14),
    (position_after_the_snapshot, 14), (overflow_forgotten, 13), (nobody_notices_a_gap, 7), (skip_failed_event, 2),
    (cursor_before_handling, 1), (parked_are_overtaken, 10),
)  # fmt: skip
PLANTED = {bug.__name__: Planted(bug, seed) for bug, seed in SEEDS}


@contextmanager
def planted(name):
    """Break one promise for the while; none for an empty name."""
    with ExitStack() as stack:
        for where, attribute, stand_in in PLANTED[name].bug() if name else ():
            stack.enter_context(mock.patch.object(where, attribute, stand_in))
        yield
