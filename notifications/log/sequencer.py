"""The sequencer: gives every committed event its dense position, then publishes it; `manage.py relay` runs it.

Order of work, and why a crash anywhere loses nothing: number and commit, then publish. A leader that dies (or is
frozen and fenced) between the two leaves events that are numbered but never published; a leader whose Redis fails
leaves the same. Either way the next thing published is a new *epoch*, on every shard: a hub that hears of it lets
each of its connections read from the log what it missed, and drops whatever an older epoch still says. That was
chosen over publishing the last positions again because it needs no memory of what was published, also covers a
frame lost without an error, and uses the one road (resync) that a hub needs anyway; it costs one short read per
subscription at a change of leader, and only then.

The Book and the Outlet are given, so that a simulation can run the same class without PostgreSQL and Redis.
"""

import logging
import time
from collections.abc import Sequence
from threading import Event as Flag
from typing import Protocol

import psycopg
import redis

from notifications.log import frames
from notifications.log.leadership import PostgresBook
from notifications.log.wire import SHARDS, hint_channel, redis_connection, shard_channel, shard_of

BATCH = 500  # events numbered in one statement
POLL = 1.0  # seconds: the net under the hints

logger = logging.getLogger(__name__)


class Lost(Exception):
    """Something that was to be published may not have been."""


class Book(Protocol):
    """Where events wait for their number."""

    def lead(self) -> int | None:
        """Return the epoch when this process has just become leader, else None."""

    def new_epoch(self) -> int:
        """Begin a new epoch as leader."""

    def number(self, limit: int) -> list[frames.Numbered]:
        """Give numbers to up to `limit` events and commit; returns them by position."""

    def let_go(self) -> None:
        """Stop leading."""


class Outlet(Protocol):
    """Where numbered events are published."""

    def publish(self, messages: Sequence[tuple[int, bytes]]) -> None:
        """Publish (shard, message) in order. Raises Lost when any may not have arrived."""


class Sequencer:
    """One step numbers one batch and publishes it. Not leading is no error: the step does nothing."""

    def __init__(self, book: Book, outlet: Outlet) -> None:
        self._book = book
        self._outlet = outlet
        self._epoch: int | None = None
        self._announced = False
        self._counter = 0  # of frames in this epoch, over all shards

    @property
    def leads(self) -> bool:
        """Whether this process numbers the log now."""
        return self._epoch is not None

    def step(self, limit: int = BATCH) -> int:
        """Give numbers to up to `limit` events and publish them; returns how many. Errors of the Book pass through."""
        if self._epoch is None:
            epoch = self._book.lead()
            if epoch is None:
                return 0
            self._begin(epoch)
        if not self._announced:
            self._announce()
        events = self._book.number(limit)
        self._publish([message for event in events for message in self._messages(event)])
        return len(events)

    def let_go(self) -> None:
        """Stop leading; the next step tries to lead again."""
        self._epoch = None
        self._book.let_go()

    def _begin(self, epoch: int) -> None:
        self._epoch = epoch
        self._announced = False
        self._counter = 0

    def _announce(self) -> None:
        try:
            self._outlet.publish([(shard, b"%d 0 - 0 0 *|" % (self._epoch or 0)) for shard in range(SHARDS)])
        except Lost as error:
            logger.warning("epoch %s not announced yet: %s", self._epoch, error)
        else:
            self._announced = True

    def _publish(self, messages: list[tuple[int, bytes]]) -> None:
        if not messages:
            return
        try:
            self._outlet.publish(messages)
        except Lost as error:
            logger.warning("frames lost, a new epoch begins: %s", error)
            self._begin(self._book.new_epoch())
            self._announce()

    def _messages(self, event: frames.Numbered) -> list[tuple[int, bytes]]:
        shapes = list(frames.shapes(event))
        messages = []
        left = len(event.everywhere()) * len(shapes)
        for topic in event.everywhere():
            shard = shard_of(topic)
            version = event.version if topic == event.stream else 0  # elsewhere it counts nothing the topic knows
            for roles, body in shapes:
                left -= 1
                self._counter += 1
                position = f"{event.position}{'+' if left else ''}"
                head = f"{self._epoch} {self._counter} {topic} {version} {position} {roles}|"
                messages.append((shard, head.encode() + frames.with_topic(topic, body)))
        return messages


class RedisOutlet:
    """Publishes on the shard channels in one round trip."""

    def __init__(self) -> None:
        self._channels = [shard_channel(shard) for shard in range(SHARDS)]

    def publish(self, messages: Sequence[tuple[int, bytes]]) -> None:
        """Publish in order; Lost when Redis did not answer."""
        pipeline = redis_connection().pipeline(transaction=False)
        for shard, message in messages:
            pipeline.publish(self._channels[shard], message)
        try:
            pipeline.execute()
        except redis.RedisError as error:
            raise Lost(str(error)) from error


class Hints:
    """Waits for "something was committed", never longer than asked, whether Redis is there or not."""

    def __init__(self) -> None:
        self._heard = redis_connection().pubsub(ignore_subscribe_messages=True)
        self._subscribed = False

    def wait(self, seconds: float = POLL) -> None:
        """Return at the first hint or after `seconds`; hints that piled up count as one."""
        began = time.monotonic()
        try:
            if not self._subscribed:
                self._heard.subscribe(hint_channel())
                self._subscribed = True
            self._heard.get_message(timeout=seconds)
            while self._heard.get_message(timeout=0):
                pass
        except redis.RedisError as error:
            logger.warning("no hints: %s", error)
            self._subscribed = False
            time.sleep(max(0.0, seconds - (time.monotonic() - began)))


def run(stop: Flag, numbered: Flag) -> None:
    """Work until told to stop, through any failure of PostgreSQL or Redis; sets `numbered` after each batch."""
    sequencer = Sequencer(PostgresBook(), RedisOutlet())
    hints = Hints()
    while not stop.is_set():
        try:
            done = sequencer.step()
        except psycopg.Error as error:
            logger.warning("not leading any more: %s", error)
            sequencer.let_go()
            stop.wait(POLL)
            continue
        if done:
            numbered.set()
        if not sequencer.leads:
            stop.wait(POLL)
        elif done < BATCH:
            hints.wait()
    sequencer.let_go()
