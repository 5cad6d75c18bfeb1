"""The other end of the wire: sends the events that the watchers wait for, in one of three ways, in its own process.

`hub`: as the relay does, by the sequencer's own class, on the shard channels. `channels`: by the pub/sub layer's
group_send. `bare`: this process is itself a server that writes finished frames to its sockets, which is the limit.
Never more than WINDOW messages are on their way.
"""

import asyncio
import base64
import hashlib
import json
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import django
import uvloop
from channels_redis.pubsub import RedisPubSubChannelLayer

django.setup()

# what follows reads models and settings, so Django had to be set up first
from bench.sockets import Tally  # noqa: E402
from notifications.log import frames  # noqa: E402
from notifications.log.models import Leadership  # noqa: E402
from notifications.log.sequencer import RedisOutlet, Sequencer  # noqa: E402

WINDOW = 6_000
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
DATA = {
    "status": "CONFIRMED", "word": "CONFIRMED", "facts": {"time": "12:40", "n": 15, "m": 0}, "minutes": 15,
    "window": ["2026-01-01T04:40:00+00:00", "2026-01-01T04:50:00+00:00"], "readyBy": "2026-01-01T04:35:00+00:00",
}  # fmt: skip


@dataclass
class Feed:
    """`topics` get one event each a round, for `seconds`; every event reaches `each` sockets."""

    way: str
    topics: list[str]
    each: int
    seconds: float
    tally: str
    epoch: int = 0
    redis_url: str = ""
    port: int = 0


class Rounds:
    """Makes the events and keeps the pace."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.tally = Tally(feed.tally)
        self.done = 0
        self.until = 0.0

    def next(self) -> list[frames.Numbered]:
        """One event for each topic, a version above its last."""
        self.done += 1
        at, count = datetime.now(UTC), len(self.feed.topics)
        return [
            frames.Numbered(self.done * count + n, topic, self.done + 1, "order.confirmed", DATA, {}, (), at)
            for n, topic in enumerate(self.feed.topics)
        ]

    @property
    def sent(self) -> int:
        """Messages that the sockets should get from what was made so far."""
        return self.done * len(self.feed.topics) * self.feed.each

    async def run(self, send: Callable[[list[frames.Numbered]], Awaitable[None]]) -> int:
        """Send rounds until the time is up."""
        self.tally.begin()
        until = time.monotonic() + self.feed.seconds
        while time.monotonic() < until:
            if self.sent - self.tally.read()[0] > WINDOW:
                await asyncio.sleep(0.0005)
                continue
            await send(self.next())
        self.tally.begin(self.sent)
        return self.sent


class Drum:
    """A Book without a database: what the sequencer numbers is the next round."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.waiting: list[frames.Numbered] = []

    def lead(self) -> int | None:
        """At once, in the epoch that the hub knows already: so it need not read everything again."""
        return self.epoch

    def new_epoch(self) -> int:
        """Never needed: Redis is next door."""
        raise RuntimeError

    def number(self, limit: int) -> list[frames.Numbered]:
        """All that wait."""
        del limit
        waiting, self.waiting = self.waiting, []
        return waiting

    def let_go(self) -> None:
        """Nothing is held."""


async def by_hub(rounds: Rounds) -> int:
    """As the relay."""
    drum = Drum(rounds.feed.epoch)
    sequencer = Sequencer(drum, RedisOutlet())
    sequencer.step()

    async def send(events: list[frames.Numbered]) -> None:
        drum.waiting = events
        sequencer.step()

    return await rounds.run(send)


async def by_channels(rounds: Rounds) -> int:
    """As a Django project with Channels would."""
    layer = RedisPubSubChannelLayer(hosts=[rounds.feed.redis_url])

    async def send(events: list[frames.Numbered]) -> None:
        for start in range(0, len(events), 50):
            part = events[start : start + 50]
            await asyncio.gather(
                *(layer.group_send(_group(event), {"type": "frame", "text": _text(event).decode()}) for event in part)
            )

    return await rounds.run(send)


def _group(event: frames.Numbered) -> str:
    return event.stream.partition("/")[2]


def _text(event: frames.Numbered) -> bytes:
    return frames.with_topic(event.stream, frames.body(event, event.data))


async def bare(rounds: Rounds) -> int:
    """Serve the sockets here; one finished frame is written to each follower."""
    followers: dict[str, list[asyncio.Transport]] = {}
    expected = len(rounds.feed.topics) * rounds.feed.each
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Bare(followers), "127.0.0.1", rounds.feed.port, backlog=2048)
    print("listening", flush=True)
    while sum(map(len, followers.values())) < expected:  # noqa: ASYNC110 - asked twenty times a second, before the measurement
        await asyncio.sleep(0.05)

    async def send(events: list[frames.Numbered]) -> None:
        for event in events:
            text = _text(event)
            frame = b"\x81\x7e" + struct.pack(">H", len(text)) + text
            for transport in followers[_group(event)]:
                transport.write(frame)
        await asyncio.sleep(0)

    sent = await rounds.run(send)
    while rounds.tally.read()[0] < sent:  # noqa: ASYNC110 - it is another process that counts
        await asyncio.sleep(0.05)
    server.close()
    return sent


class Bare(asyncio.Protocol):
    """Answers the upgrade and nothing else; `GET /<topic>` follows that topic."""

    def __init__(self, followers: dict[str, list[asyncio.Transport]]) -> None:
        self.followers = followers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment] # it is one

    def data_received(self, data: bytes) -> None:
        """Read the request in one piece: it is ours."""
        key = data.split(b"Sec-WebSocket-Key: ", 1)[1].split(b"\r\n", 1)[0]
        accept = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.transport.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        self.followers.setdefault(data.split(b" ", 2)[1].decode().rpartition("/")[2], []).append(self.transport)


WAYS = {"hub": by_hub, "channels": by_channels, "bare": bare}


def main() -> None:
    """Feed, then say how many messages the sockets should have got and what it cost here."""
    feed = Feed(**json.loads(sys.stdin.readline()))
    feed.epoch = Leadership.objects.values_list("epoch", flat=True).first() or 0
    sent: Any = uvloop.run(WAYS[feed.way](Rounds(feed)))
    print(json.dumps({"sent": sent, "cpu_seconds": time.process_time(), "feed": asdict(feed)["way"]}))


if __name__ == "__main__":
    main()
