"""What the watchers speak: as much of each protocol as following one topic takes."""

import asyncio
import json
from typing import Protocol

VERSION = b'"version":'
SNAPSHOT = b'{"type":"snapshot"'
RESYNC = b'{"type":"resync"'
ERROR = b'{"type":"error"'
CLOSE, PING, PONG = 0x88, 0x89, 0x8A  # whole control frames of RFC 6455


class Asked(Protocol):
    """What a watch says of how to connect."""

    path: str
    headers: str


class Many(Protocol):
    """The crowd that a watcher tells of what it gets."""

    inverted: int
    resyncs: int

    @property
    def watch(self) -> Asked:
        """How to connect."""

    def heard(self, watcher: "Watcher", version: int) -> None:
        """One message came."""

    def follow(self) -> None:
        """It follows."""

    def fail(self, why: str) -> None:
        """It cannot follow: the measurement is void."""


class Watcher(asyncio.Protocol):
    """One WebSocket that follows by its address alone."""

    def __init__(self, crowd: Many, topic: str, place: int, member: int) -> None:
        self.crowd, self.topic, self.place, self.member = crowd, topic, place, member
        self.version = self.count = 0
        self.follows = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for what it wants."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment] # it is one
        self.is_open = self.follows = False
        self.rest = b""
        transport.write(self.request().encode())  # type: ignore[attr-defined]

    def cut(self) -> None:
        """Drop the connection without a word."""
        self.transport.abort()

    def request(self) -> str:
        """The opening."""
        path = self.crowd.watch.path.format(topic=self.topic)
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"{self.crowd.watch.headers}\r\n"
        )

    def data_received(self, data: bytes) -> None:
        """Take the answer to the opening, then frames."""
        if self.rest:
            data = self.rest + data
        start = 0
        if not self.is_open:
            start = data.find(b"\r\n\r\n") + 4
            if start < 4:
                self.rest = data
                return
            if data.split(b" ", 2)[1] not in {b"101", b"200"}:
                self.crowd.fail(f"not let in: {data[:200]!r}")
                return
            self.is_open = True
            self.opened()
        self.rest = data[self.frames(data, start) :]

    def opened(self) -> None:
        """It is open: whoever is open follows."""
        self.following()

    def frames(self, data: bytes, at: int) -> int:
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
            if data[at] == PING:
                self.transport.write(bytes([PONG, 0x80 | length]) + bytes(4) + data[at + head : end])
            elif data[at] == CLOSE:
                self.crowd.fail(f"hung up on: {data[at + head : end]!r}")
            else:
                self.text(data, at + head, end)
            at = end
        return at

    def text(self, data: bytes, start: int, end: int) -> None:
        """One message: an event has a version."""
        found = data.find(VERSION, start, end)
        if found < 0:
            self.word(data[start:end])
            return
        at = last = found + len(VERSION)
        while 48 <= data[last] <= 57:
            last += 1
        version = int(data[at:last])
        if data.startswith(SNAPSHOT, start):
            self.version = max(version, self.version)
            self.following()
            return
        self.count += 1
        if version <= self.version:
            self.crowd.inverted += 1
        else:
            self.version = version
        self.crowd.heard(self, version)

    def word(self, said: bytes) -> None:
        """Hear what is no event."""

    def say(self, words: str) -> None:
        """Send one short text."""
        text = words.encode()
        self.transport.write(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)

    def following(self) -> None:
        """It follows, or has what it missed."""
        if not self.follows:
            self.follows = True
            self.crowd.follow()


class Lockstep(Watcher):
    """lockstep.v1: asks for its topic, from the version on that it has."""

    def opened(self) -> None:
        """Subscribe."""
        wish: dict[str, object] = {"type": "subscribe", "topic": self.topic}
        if self.version:
            wish["after"] = {"version": self.version}
        self.say(json.dumps(wish))

    def text(self, data: bytes, start: int, end: int) -> None:
        """Whoever came back follows with the first event."""
        super().text(data, start, end)
        if not self.follows and data.find(VERSION, start, end) >= 0:
            self.following()

    def word(self, said: bytes) -> None:
        """A frame that was dropped must not go unnoticed."""
        if said.startswith(RESYNC):
            self.crowd.resyncs += 1
        elif said.startswith(ERROR):
            self.crowd.fail(f"not followed: {said!r}")


class SocketIO(Watcher):
    """Engine.IO 4 and Socket.IO 5: open, connect, then the event `follow`."""

    def opened(self) -> None:
        """Wait for the server's words."""

    def word(self, said: bytes) -> None:
        """Answer each packet that needs one."""
        if said[:1] == b"0":
            self.say("40")
        elif said[:2] == b"40":
            self.say(json.dumps(["follow", self.topic]).join(("42", "")))
        elif said.startswith(b'42["following"'):
            self.following()
        elif said == b"2":
            self.say("3")


class Events(Watcher):
    """Server-sent events; of ours the stream's first frame is a snapshot, other servers have none."""

    def request(self) -> str:
        """The opening."""
        path = self.crowd.watch.path.format(topic=self.topic)
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{self.crowd.watch.headers}\r\n"

    def opened(self) -> None:
        """Whoever is open follows, unless a snapshot comes."""
        if "live/sse" not in self.crowd.watch.path:
            self.following()

    def frames(self, data: bytes, at: int) -> int:
        """Handle every `data:` line."""
        while (start := data.find(b"data: ", at)) >= 0 and (end := data.find(b"\n", start)) >= 0:
            self.text(data, start + 6, end)
            at = end + 1
        return at


DIALECTS: dict[str, type[Watcher]] = {"plain": Watcher, "lockstep": Lockstep, "socketio": SocketIO, "sse": Events}
