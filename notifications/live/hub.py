"""The hub: one Redis subscription a process, and frames handed to the connections that follow their topic.

A frame is decided on by the words before its bar and passed on as the relay encoded it; one without a follower
here is dropped unread. Every doubt (a jump of the counter, a new epoch, Redis back again) ends the same way:
the subscriptions concerned read from the log what they may have missed.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import count

import orjson
from django.conf import settings
from django.db.models import Max

from config.ground import clock
from notifications.live.asgi import for_many
from notifications.live.connection import Connection
from notifications.live.feed import Feed
from notifications.live.person import People
from notifications.live.pool import Pool
from notifications.live.protocol import PING_SECONDS, RIGHTS_SECONDS
from notifications.live.rights import Rights, look_again
from notifications.live.shares import Shares, keys_of
from notifications.live.subscription import Subscription
from notifications.live.topics import Topics
from notifications.log.frames import speaks_to
from notifications.log.models import Event, Leadership
from notifications.log.wire import SHARDS, shard_channel

Room = dict[str, list[Subscription]]  # role → followers of one topic

TURN = 200  # sends after which other work gets a turn
INBOX = 20_000  # frames waiting here above which Redis is not read
REMEMBERED = 4_096  # frames kept to tell how long ago an acknowledged position was committed

logger = logging.getLogger(__name__)


class Hub:
    """Start it in the loop that serves the connections; join and leave as they come and go."""

    def __init__(self, topics: Topics, people: People) -> None:
        self.topics = topics
        self.people = people
        self.pool = Pool()
        self.connections: set[Connection] = set()
        self.reached = 0  # position up to which every live subscription has been handed what concerns it
        self.shares = Shares()
        self.rights = Rights()
        self.is_going = False  # nobody new is let in
        self.clock = time.monotonic
        self._looked_at = int(self.clock())
        self.numbers = count()  # spreads pings and checks over the seconds
        self.resyncs = 0  # subscriptions filled anew because a frame may have been missed
        self.overflows = 0  # times a slow connection's queue was dropped
        self.sync_seconds: deque[float] = deque(maxlen=REMEMBERED)  # commit → shown, as acknowledged
        self._rooms: dict[bytes, Room] = {}
        self._feed = Feed(settings.REDIS_URL, [shard_channel(n) for n in range(SHARDS)], self._take, self._subscribed)
        self._inbox: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._is_full = False
        self._epoch: int | None = None  # None: not known yet, frames wait in the inbox
        self._counter: int | None = None  # of the last frame; None: not known yet
        self._sent: dict[int, bytes] = {}  # position → frame
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen; returns once the shard channels are subscribed or Redis is found to be away."""
        for work in (self._feed.run, self._dispatch, self._tick):
            self._tasks.append(asyncio.get_running_loop().create_task(_for_ever(work)))
        await asyncio.wait([asyncio.get_running_loop().create_task(self._ready.wait())], timeout=2)

    async def stop(self) -> None:
        """End everything that `start` began, and the database threads."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.pool.close)

    def open(self, connection: Connection) -> None:
        """Count a connection, ping it and look after its rights from now on."""
        self.connections.add(connection)
        connection.counted_as = keys_of(connection.person, connection.address)
        self.shares.lines.update(connection.counted_as)

    def close(self, connection: Connection) -> None:
        """Forget a connection: its other end is gone."""
        self.connections.discard(connection)
        self.shares.give_back(self.shares.lines, connection.counted_as)
        connection.end()

    def join(self, subscription: Subscription) -> None:
        """Let frames of its topic reach it from now on."""
        room = self._rooms.setdefault(subscription.name.encode(), {})
        room.setdefault(subscription.role, []).append(subscription)
        self.shares.topics.update(subscription.connection.counted_as)

    def leave(self, subscription: Subscription) -> None:
        """Let no more frames reach it."""
        subscription.end()
        room = self._rooms.get(subscription.name.encode(), {})
        followers = room.get(subscription.role, [])
        if subscription in followers:
            followers.remove(subscription)
            self.shares.give_back(self.shares.topics, subscription.connection.counted_as)
        if not followers:
            room.pop(subscription.role, None)
        if not room:
            self._rooms.pop(subscription.name.encode(), None)

    def acknowledge(self, position: int) -> None:
        """Note how long a committed event took to be shown, by this server's clock."""
        frame = self._sent.get(position)
        if frame is not None:
            committed_at = datetime.fromisoformat(orjson.loads(frame)["at"])
            self.sync_seconds.append((clock.now() - committed_at).total_seconds())

    def send_off(self, within_ms: int) -> None:
        """Tell every client that this server is going; each comes back at a moment of its own within this time."""
        for connection in list(self.connections):
            connection.say("reconnect", within_ms=within_ms)
            connection.leave()

    def _take(self, message: bytes) -> None:
        self._inbox.append(message)
        if len(self._inbox) >= INBOX and not self._is_full:
            self._is_full = True
            self._feed.pause()
        self._wake.set()

    def _subscribed(self) -> None:
        """(Re)subscribed: whatever was published before is lost to us, so ask the log where it stands."""
        self._epoch = None
        self._inbox.clear()
        self._tasks.append(asyncio.get_running_loop().create_task(self._learn_epoch()))

    async def _learn_epoch(self) -> None:
        while True:
            try:
                epoch, head = await self.pool.run(_where_the_log_stands)
                break
            except Exception as error:  # noqa: BLE001 - PostgreSQL is away; the same again until it is back
                logger.warning("cannot learn the epoch yet: %s", error)
                await asyncio.sleep(1.0)
        self._adopt(epoch, None)
        self.reached = max(self.reached, head)
        self._ready.set()
        self._wake.set()

    def _adopt(self, epoch: int, counter: int | None) -> None:
        self._epoch = epoch
        self._counter = counter
        self._resync()

    def _resync(self) -> None:
        groups = [group for room in self._rooms.values() for group in room.values()]
        for subscription in [subscription for group in groups for subscription in group]:
            self.resyncs += 1
            subscription.refill()

    async def _dispatch(self) -> None:
        sent = 0
        while True:
            self._wake.clear()
            while self._inbox and self._epoch is not None:
                sent += await self._deliver(self._inbox.popleft())
                if sent >= TURN:
                    sent = 0
                    await asyncio.sleep(0)
            if self._is_full:
                self._is_full = False
                self._feed.resume()
            await self._wake.wait()

    async def _deliver(self, message: bytes) -> int:
        """Hand one frame to its followers; returns how many there were."""
        head, _, body = message.partition(b"|")
        epoch, counter, topic, version, place, roles = head.split(b" ")
        if not self._is_next(int(epoch), int(counter)):
            return 0
        position = int(place.rstrip(b"+"))
        before, self.reached = self.reached, max(self.reached, position - place.endswith(b"+"))
        room = self._rooms.get(topic)
        if room is None:
            return 0
        frame = for_many(body)
        self._remember(position, body)
        sent = 0
        for role, followers in list(room.items()):
            if roles != b"*" and not speaks_to(roles.decode(), role):
                continue
            for subscription in tuple(followers):
                subscription.offer(frame, int(version), position)
                sent += 1
                if sent % TURN == 0:
                    self.reached, reached = before, self.reached  # not everybody has it yet
                    await asyncio.sleep(0)
                    self.reached = max(self.reached, reached)
        return sent

    def _is_next(self, epoch: int, counter: int) -> bool:
        """Say whether the frame is to be delivered; a jump of epoch or counter leaves everything in doubt.

        The counter runs over all shards: the very next frame shows a loss, before `reached` passes what was lost.
        """
        known = self._epoch or 0
        if epoch < known:
            return False  # a fenced leader woke up and said its last
        if epoch > known:
            self._adopt(epoch, 0)
        last = self._counter
        if last is not None and counter <= last:
            return False
        self._counter = counter
        if last is not None and counter > last + 1:
            self._resync()
        return True

    def _remember(self, position: int, body: bytes) -> None:
        self._sent[position] = body
        if len(self._sent) > REMEMBERED:
            self._sent.pop(next(iter(self._sent)))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.look_after()

    def look_after(self) -> None:
        """For each second that has passed, ping one part of the connections, look again at the rights of another."""
        now, last = int(self.clock()), self._looked_at
        self._looked_at = now
        turn_has_come = []
        for second in range(max(last, now - RIGHTS_SECONDS) + 1, now + 1):
            for connection in list(self.connections):
                turn = connection.number + second
                if turn % PING_SECONDS == 0:
                    connection.say("ping", at=clock.now())
                if turn % RIGHTS_SECONDS == 0:
                    turn_has_come.append(connection)
        if turn_has_come:
            self._tasks.append(asyncio.get_running_loop().create_task(look_again(self, turn_has_come)))
        self._tasks = [task for task in self._tasks if not task.done()]


def _where_the_log_stands() -> tuple[int, int]:
    epoch = Leadership.objects.values_list("epoch", flat=True).first()
    return epoch or 0, Event.objects.aggregate(last=Max("position"))["last"] or 0


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Run one of the hub's loops; a fault in it is logged and does not end it."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("the hub stumbled")
            await asyncio.sleep(1.0)
