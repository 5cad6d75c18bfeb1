"""A request's body on its way from the client to the pages' server, counted as it passes; front.py uses it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from config.local.upstream import Connection, Headers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

LINGER_SECONDS = 2.0  # how long an answer given early waits for the client to stop sending and read it


class TooLarge(Exception):
    """The body is, or has become, larger than its limit."""


class Gone(Exception):
    """The client hung up."""


class Upload:
    """The body of one request: `exists`, and `is_done` once the client has sent all of it."""

    def __init__(self, receive: Receive, headers: Headers, most: int) -> None:
        asked = dict(headers)
        self.chunked = b"transfer-encoding" in asked
        self.length = 0 if self.chunked else int(asked.get(b"content-length", 0))
        self.exists = self.chunked or self.length > 0
        self.is_done = not self.exists
        self._receive = receive
        self._most = most

    def require_fit(self) -> None:
        """Raise TooLarge when the client announces more than the limit."""
        if self.length > self._most:
            raise TooLarge

    async def pump(self, connection: Connection) -> None:
        """Pass the body on, at the pace of the slower side. Raises TooLarge, Gone."""
        total = 0
        while not self.is_done:
            piece = await self._next()
            total += len(piece)
            if total > self._most:
                raise TooLarge
            if self.chunked:
                end = b"0\r\n\r\n" if self.is_done else b""
                piece = (b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b"") + end
            with suppress(ConnectionError):  # the backend may have answered and closed: its answer is read elsewhere
                await connection.write(piece)

    async def discard(self) -> None:
        """Read on for a while after an early answer, or the client's own writing would hide it from the client."""
        with suppress(TimeoutError, Gone):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.is_done:
                    await self._next()

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        self.is_done = not message.get("more_body", False)
        return bytes(message.get("body", b""))
