"""The watchers: many WebSockets held by one process, which checks that every version comes once and in order.

Standard input: one Watch as JSON. It says "ready" when all follow, counts what comes into a shared file (so that the
feeder never runs far ahead), and writes one Seen as JSON when the total that stands in that file has come, or nothing
came for SILENCE seconds. It speaks only as much WebSocket as it must: whole, unmasked text frames.
"""

import asyncio
import json
import mmap
import struct
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

SILENCE = 5.0  # seconds
AT_ONCE = 100  # handshakes
VERSION = b'"version":'
SNAPSHOT = b'"snapshot"'
TALLY = struct.Struct("qqd")  # messages received, messages that will have been sent (0: not known yet), began


@dataclass
class Watch:
    """`topics` are followed by `each` sockets; `{topic}` in `path` is replaced; `subscribe` speaks lockstep.v1."""

    port: int
    path: str
    topics: list[str]
    each: int
    tally: str
    subscribe: bool
    headers: str = ""


@dataclass
class Seen:
    """What came: `lost` never came, `inverted` came twice or late, `seconds` from first send to last arrival."""

    received: int = 0
    lost: int = 0
    inverted: int = 0
    seconds: float = 0.0
    client_us: float = 0.0  # our CPU for each message

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.received / self.seconds if self.seconds else 0.0


class Tally:
    """The shared file."""

    def __init__(self, path: str | Path) -> None:
        with Path(path).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), TALLY.size)

    @classmethod
    def fresh(cls, path: Path) -> "Tally":
        """Make the file, all zero."""
        path.write_bytes(bytes(TALLY.size))
        return cls(path)

    def read(self) -> tuple[int, int, float]:
        """(received, total or 0, moment of the first send)."""
        received, total, began = TALLY.unpack_from(self._map)
        return int(received), int(total), float(began)

    def received(self, count: int) -> None:
        """The watchers' half."""
        struct.pack_into("q", self._map, 0, count)

    def begin(self, total: int = 0) -> None:
        """The feeder's half: called before the first send, and with the total after the last."""
        began = self.read()[2] or time.monotonic()
        struct.pack_into("qd", self._map, 8, total, began)


class Watcher(asyncio.Protocol):
    """One socket."""

    def __init__(self, crowd: "Crowd", topic: str) -> None:
        self.crowd, self.topic = crowd, topic
        self.is_open = self.follows = False
        self.rest = b""
        self.version = 1
        self.count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment] # it is one
        watch = self.crowd.watch
        head = (
            f"GET {watch.path.format(topic=self.topic)} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"{watch.headers}\r\n"
        )
        self.transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        """Take the answer to the upgrade, then frames."""
        if self.rest:
            data = self.rest + data
        start = 0
        if not self.is_open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.rest = data
                return
            self._opened(data[:end])
            start = end + 4
        self.rest = data[self._frames(data, start) :]

    def _opened(self, head: bytes) -> None:
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            sys.exit(f"no upgrade: {head[:200]!r}")
        self.is_open = True
        if self.crowd.watch.subscribe:
            words = json.dumps({"type": "subscribe", "topic": self.topic}).encode()
            self.transport.write(bytes([0x81, 0x80 | len(words)]) + bytes(4) + words)
        else:
            self._following()

    def _frames(self, data: bytes, at: int) -> int:
        """Handle every whole frame; returns where the first part of a frame begins."""
        size = len(data)
        while at + 2 <= size:
            length, head = data[at + 1], 2
            if length == 126:
                if at + 4 > size:
                    break
                length, head = data[at + 2] << 8 | data[at + 3], 4
            end = at + head + length
            if end > size:
                break
            found = data.find(VERSION, at, end)
            if found >= 0:
                self._version(data, found + len(VERSION), at, end)
            at = end
        return at

    def _version(self, data: bytes, at: int, start: int, end: int) -> None:
        last = at
        while 48 <= data[last] <= 57:
            last += 1
        if data.find(SNAPSHOT, start, end) >= 0:
            self._following()
            return
        version = int(data[at:last])
        self.count += 1
        if version <= self.version:
            self.crowd.inverted += 1
        self.version = max(version, self.version)
        self.crowd.heard()

    def _following(self) -> None:
        if not self.follows:
            self.follows = True
            self.crowd.follow()


class Crowd:
    """All the sockets of one watch."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.tally = Tally(watch.tally)
        self.watchers: list[Watcher] = []
        self.count = self.inverted = self.following = 0
        self.all_follow = asyncio.Event()
        self.last = 0.0
        self._busy = 0.0

    def heard(self) -> None:
        """One message came."""
        self.count += 1
        if self.count % 50 == 0:
            self.tally.received(self.count)

    def follow(self) -> None:
        """One more socket follows its topic."""
        self.following += 1
        if self.following == len(self.watch.topics) * self.watch.each:
            self.all_follow.set()

    async def run(self) -> Seen:
        """Connect, say ready, count until everything or nothing more comes."""
        loop = asyncio.get_running_loop()
        wanted = [topic for topic in self.watch.topics for _ in range(self.watch.each)]
        for start in range(0, len(wanted), AT_ONCE):
            made = [
                loop.create_connection(lambda topic=topic: Watcher(self, topic), "127.0.0.1", self.watch.port)
                for topic in wanted[start : start + AT_ONCE]
            ]
            self.watchers += [protocol for _, protocol in await asyncio.gather(*made)]
        await asyncio.wait_for(self.all_follow.wait(), 60)
        print("ready", flush=True)
        busy = time.process_time()
        await self._until_quiet()
        return self._seen(time.process_time() - busy)

    async def _until_quiet(self) -> None:
        had, since = -1, time.monotonic()
        while time.monotonic() - since < SILENCE:
            await asyncio.sleep(0.005)
            _, total, began = self.tally.read()
            if self.count != had or not began:
                had, since = self.count, time.monotonic()
                self.tally.received(self.count)
            if total and self.count >= total:
                break
        self.last = since

    def _seen(self, busy: float) -> Seen:
        _, total, began = self.tally.read()
        seen = Seen(received=self.count, inverted=self.inverted, seconds=self.last - began)
        each = total // len(self.watchers)
        seen.lost = sum(max(0, each - watcher.count) for watcher in self.watchers)
        seen.client_us = busy * 1e6 / max(1, self.count)
        return seen


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(Crowd(Watch(**json.loads(sys.stdin.readline()))).run()))))
