"""One connection following one topic: lets nothing through twice and notices when something is missing.

A subscription is *held* (frames pass by; what they say is read from the log later), *filling* (it reads the log
and keeps the frames that come meanwhile) or *live*. To begin it is registered in the hub first, then reads, then
lets through the kept frames that are newer: so there is no gap between the reading and the first frame.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseError

from notifications.live.asgi import Message
from notifications.live.protocol import After
from notifications.live.reading import read
from notifications.live.topics import Topic

if TYPE_CHECKING:
    from notifications.live.connection import Connection

Kept = tuple[Message, int, int]  # (message, version, position)

KEEP = 64  # frames kept while reading; more, and the log is read again
RETRY_SECONDS = 1.0  # when PostgreSQL does not answer

logger = logging.getLogger(__name__)


class Subscription:
    """What a connection has of a topic: `version` of its stream (replay topics) and `position` of the log."""

    __slots__ = (
        "_again",
        "_cursor",
        "_kept",
        "_task",
        "connection",
        "live",
        "name",
        "position",
        "ref",
        "role",
        "topic",
        "version",
    )

    def __init__(self, connection: "Connection", topic: Topic, name: str, ref: str, role: str) -> None:
        self.connection = connection
        self.topic = topic
        self.name = name
        self.ref = ref
        self.role = role
        self.version = 0
        self.position = 0
        self.live = False
        self._cursor: int | None = None  # what the client has, when it told a position and nothing was read yet
        self._kept: list[Kept] | None = None
        self._again = False
        self._task: asyncio.Task[None] | None = None

    def offer(self, message: Message, version: int, position: int) -> None:
        """Take one frame from the hub: pass it on, keep it, or drop it. `version` 0: the frame is of another stream."""
        if not self.live:
            if self._kept is not None:
                self._kept.append((message, version, position))
                self._again = self._again or len(self._kept) > KEEP
            return
        self._let_through(message, version, position)

    def _let_through(self, message: Message, version: int, position: int) -> None:
        if version and self.topic.replay:
            if version <= self.version:
                return
            if version > self.version + 1:
                self.refill()
                return
            self.version = version
        elif position <= self.position:
            return
        self.position = position
        self.connection.deliver(message)

    def hold(self) -> None:
        """Let frames pass by; a `refill` must follow."""
        self.live = False
        self._kept = None

    def refill(self, after: After | None = None) -> None:
        """Read what is missing after what the client has; by default after the last frame sent."""
        if after is not None:
            self.version, self._cursor = after
        self.hold()
        self._again = True
        if self._task is None and not self.connection.is_over:
            self._task = asyncio.get_running_loop().create_task(self._fill())

    def end(self) -> None:
        """Stop reading; nothing is passed on any more."""
        self.hold()
        if self._task is not None:
            self._task.cancel()
            self._task = None  # a refill may follow before the task has ended

    async def _fill(self) -> None:
        try:
            while self._again and not self.connection.is_over:
                await self._fill_once()
        except ObjectDoesNotExist:
            self.connection.drop(self, "not_found")
        except Exception:
            logger.exception("no snapshot of %s", self.name)
            self.connection.drop(self, "server_error")
        finally:
            if self._task is asyncio.current_task():
                self._task = None

    async def _fill_once(self) -> None:
        await self.connection.drained()
        self._again = False
        self._kept = []
        topic, name, ref, role = self.topic, self.name, self.ref, self.role
        after = After(self.version, self._cursor)
        try:
            reading = await self.connection.hub.pool.run(lambda: read(topic, name, ref, role, after))
        except DatabaseError as error:
            logger.warning("cannot read %s yet: %s", name, error)
            self._again = True
            await asyncio.sleep(RETRY_SECONDS)
            return
        if self._again:
            return  # too much came meanwhile, or another refill was asked for
        self.version, self.position, self._cursor = reading.version, reading.position, None
        for text in reading.texts:
            self.connection.deliver({"type": "websocket.send", "text": text})
        kept, self._kept = self._kept or [], None
        if self._again:
            return  # the connection overflowed under our frames
        for frame in kept:
            self._let_through(*frame)
            if self._again:
                return  # one is missing, or the connection overflowed
        self.live = True  # only now: a stream's id says that everything up to it has been sent
        self.connection.filled()
