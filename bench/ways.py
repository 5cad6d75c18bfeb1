"""The ways in which an event is handed to a server, each as the project that made the server says it is done.

`hub`: by the sequencer's own class on the shard channels, as the relay does. `pubsub`, `default`: group_send of
Channels' layers. `nchan`: POST on lasting connections, many under way. `socketio`: as its Redis emitter. `bare`: no
server at all, finished frames are written to the sockets from here, which is the limit.
"""

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgpack
import orjson
import redis.asyncio
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from notifications.log import frames
from notifications.log.sequencer import RedisOutlet, Sequencer

Send = Callable[[list[frames.Numbered]], Awaitable[None]]
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
TOGETHER = 50  # group_sends under way
LINES = 4  # connections to nchan
EVENT, ROOMS = 2, "rooms"  # Socket.IO's packet type; where its adapter looks for the room


class Place(NamedTuple):
    """Where a server is, and the epoch that our hub knows already: so it need not read everything again."""

    port: int
    redis_url: str
    epoch: int


def group(event: frames.Numbered) -> str:
    """The order's id: what peers call its room, group or channel."""
    return event.stream.partition("/")[2]


def text(event: frames.Numbered) -> bytes:
    """The frame as our sockets get it."""
    return frames.with_topic(event.stream, frames.body(event, event.data))


class Drum:
    """A Book without a database: what the sequencer numbers is the next batch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.waiting: list[frames.Numbered] = []

    def lead(self) -> int | None:
        """At once."""
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


class Publisher:
    """What the relay does with events once they are numbered."""

    def __init__(self, epoch: int) -> None:
        self._drum = Drum(epoch)
        self._sequencer = Sequencer(self._drum, RedisOutlet())
        self._sequencer.step()

    def publish(self, events: list[frames.Numbered]) -> None:
        """Publish them all."""
        self._drum.waiting = events
        self._sequencer.step()


@asynccontextmanager
async def hub(place: Place) -> AsyncIterator[Send]:
    """As the relay."""
    publisher = Publisher(place.epoch)

    async def send(events: list[frames.Numbered]) -> None:
        publisher.publish(events)

    yield send


@asynccontextmanager
async def pubsub(place: Place) -> AsyncIterator[Send]:
    """As a Django project with Channels would, with the faster of its two layers."""
    yield _grouped(RedisPubSubChannelLayer(hosts=[place.redis_url]))


@asynccontextmanager
async def default(place: Place) -> AsyncIterator[Send]:
    """The same with the layer that Channels' tutorial sets up."""
    yield _grouped(RedisChannelLayer(hosts=[place.redis_url]))


def _grouped(layer: RedisPubSubChannelLayer | RedisChannelLayer) -> Send:
    async def send(events: list[frames.Numbered]) -> None:
        for start in range(0, len(events), TOGETHER):
            part = events[start : start + TOGETHER]
            await asyncio.gather(
                *(layer.group_send(group(event), {"type": "frame", "text": text(event).decode()}) for event in part)
            )

    return send


@asynccontextmanager
async def socketio(place: Place) -> AsyncIterator[Send]:
    """What @socket.io/redis-emitter publishes for `io.to(room).emit("frame", …)`."""
    client = redis.asyncio.Redis.from_url(place.redis_url)

    async def send(events: list[frames.Numbered]) -> None:
        pipeline = client.pipeline(transaction=False)
        for event in events:
            packet = {"type": EVENT, "nsp": "/", "data": ["frame", orjson.loads(text(event))]}
            options = {ROOMS: [group(event)], "except": [], "flags": {}}
            pipeline.publish(f"socket.io#/#{group(event)}#", msgpack.packb(["emitter", packet, options]))
        await pipeline.execute()

    yield send
    await client.aclose()


@asynccontextmanager
async def nchan(place: Place) -> AsyncIterator[Send]:
    """POST; an event's connection is its order's, so that order is kept."""
    lines = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(LINES)]

    async def post(line: tuple[asyncio.StreamReader, asyncio.StreamWriter], events: list[frames.Numbered]) -> None:
        reader, writer = line
        bodies = [(group(event).encode(), text(event)) for event in events]
        head = b"POST /pub/%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
        writer.write(b"".join(head % (name, len(body), body) for name, body in bodies))
        for _ in events:
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 20"):
                raise RuntimeError(answer.decode())
            length = answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))

    async def send(events: list[frames.Numbered]) -> None:
        shares: list[list[frames.Numbered]] = [[] for _ in lines]
        for event in events:
            shares[hash(event.stream) % LINES].append(event)
        await asyncio.gather(*(post(line, share) for line, share in zip(lines, shares, strict=True) if share))

    yield send
    for _reader, writer in lines:
        writer.close()


@asynccontextmanager
async def bare(place: Place) -> AsyncIterator[Send]:
    """Serve the sockets here."""
    followers: dict[str, list[asyncio.Transport]] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Bare(followers), "127.0.0.1", place.port, backlog=2048)

    async def send(events: list[frames.Numbered]) -> None:
        for event in events:
            body = text(event)
            frame = b"\x81\x7e" + struct.pack(">H", len(body)) + body
            for transport in followers[group(event)]:
                transport.write(frame)
        await asyncio.sleep(0)

    yield send
    server.close()


class _Bare(asyncio.Protocol):
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
