"""The process's one Redis subscription: reads the shard channels and hands frames on; only the hub uses it.

redis-py's pub/sub costs more for each message than sending it to three sockets, so this speaks the protocol
itself: hiredis parses, an asyncio Protocol receives. It subscribes once and never again while the line holds.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis
from redis.connection import SSLConnection, parse_url

Handed = Callable[[bytes], None]  # a message, of whichever channel

RETRY = 0.2, 2.0  # seconds: first and longest pause before connecting again
PING_SECONDS = 5.0
DEAF_SECONDS = 15.0  # without a word from Redis, pong included, the line counts as dead

logger = logging.getLogger(__name__)


class Feed:
    """Stays subscribed until stopped. `ready` is called after each (re)subscription: frames may have been missed."""

    def __init__(self, url: str, channels: Sequence[str], handed: Handed, ready: Callable[[], None]) -> None:
        self._url = url
        self._channels = channels
        self._handed = handed
        self._ready = ready
        self._line: _Line | None = None

    async def run(self) -> None:
        """Connect, listen, connect again; ends only by cancellation."""
        pause = RETRY[0]
        try:
            while True:
                try:
                    line = self._line = await self._connect()
                    pause = RETRY[0]
                    await self._listen(line)
                except (OSError, hiredis.HiredisError) as error:
                    logger.warning("Redis is away: %s", error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, RETRY[1])
        finally:
            if self._line:
                self._line.close()
                self._line.lost.cancel()

    def pause(self) -> None:
        """Read no more until `resume`; Redis keeps what comes, within its own limit."""
        if self._line and self._line.transport:
            self._line.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._line and self._line.transport:
            self._line.transport.resume_reading()

    async def _connect(self) -> "_Line":
        parts: dict[str, Any] = dict(parse_url(self._url))
        loop = asyncio.get_running_loop()
        line = _Line(self._handed, self._ready, len(self._channels))
        if "path" in parts:
            await loop.create_unix_connection(lambda: line, parts["path"])
        else:
            tls = parts.get("connection_class") is SSLConnection or None
            host, port = parts.get("host", "localhost"), parts.get("port", 6379)
            await loop.create_connection(lambda: line, host, port, ssl=tls)
        if parts.get("password"):
            line.say("AUTH", *filter(None, [parts.get("username")]), parts["password"])
        line.say("SUBSCRIBE", *self._channels)
        return line

    async def _listen(self, line: "_Line") -> None:
        while not line.lost.done():
            heard = line.heard
            line.say("PING")
            await asyncio.wait([line.lost], timeout=PING_SECONDS)
            if line.heard == heard:
                line.deaf += PING_SECONDS
                if line.deaf >= DEAF_SECONDS:
                    line.close()
                    raise OSError("Redis does not answer any more")
            else:
                line.deaf = 0.0
        line.lost.result()


class _Line(asyncio.Protocol):
    """One connection. `lost` ends with the reason."""

    def __init__(self, handed: Handed, ready: Callable[[], None], channels: int) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard = 0
        self.deaf = 0.0
        self._handed = handed
        self._ready = ready
        self._awaited = channels  # subscriptions not confirmed yet
        self._reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the class

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_exception(OSError(str(exc or "the connection was closed")))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self.heard += 1
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, Exception):
                self.lost.set_exception(reply)
                self.close()
                return
            if isinstance(reply, list) and reply[0] == b"message":
                self._handed(reply[2])
            elif isinstance(reply, list) and reply[0] == b"subscribe":
                self._awaited -= 1
                if not self._awaited:
                    self._ready()

    def say(self, *words: str) -> None:
        """Send one command."""
        if self.transport:
            encoded = [word.encode() for word in words]
            parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
            self.transport.write(b"*%d\r\n%s" % (len(encoded), parts))

    def close(self) -> None:
        """Hang up."""
        if self.transport:
            self.transport.close()
