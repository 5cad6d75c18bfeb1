"""A small HTTP/1.1 client with a keep-alive pool for the pages' server on loopback; config/local/front.py uses it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

Headers = list[tuple[bytes, bytes]]

MOST_IDLE = 64
PIECE = 65_536  # bytes read at once


class Away(ConnectionError):
    """The backend cannot be reached, or hung up without an answer."""


@dataclass
class Answer:
    """The head of an answer, and how to tell where its body ends."""

    status: int
    headers: Headers
    length: int | None  # None: chunked, or until the backend closes
    chunked: bool
    keeps: bool  # the connection may serve another request


@dataclass
class Connection:
    """One connection; `used` once it has served a request, so that the backend may have closed it meanwhile."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: bool = False

    async def write(self, data: bytes) -> None:
        """Send, and wait while the backend is slower than we are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, method: str) -> Answer:
        """Read the head of the answer to a request of that method. Raises Away."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            while head[9:10] == b"1":  # 100 Continue and its kind announce the real one
                head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            raise Away from error
        first, *lines = head[:-4].split(b"\r\n")
        status = int(first[9:12])
        pairs = (line.partition(b":") for line in lines)
        headers = [(name.lower(), value.strip()) for name, _, value in pairs]
        known = dict(headers)
        chunked = known.get(b"transfer-encoding", b"").lower() == b"chunked"
        length = int(known[b"content-length"]) if b"content-length" in known and not chunked else None
        if method == "HEAD" or status in {204, 304}:
            length, chunked = 0, False
        keeps = known.get(b"connection", b"").lower() != b"close" and (chunked or length is not None)
        return Answer(status, headers, length, chunked, keeps)

    async def body(self, answer: Answer) -> AsyncIterator[bytes]:
        """Read the body piece by piece. Raises IncompleteReadError when the backend dies in the middle."""
        if answer.chunked:
            while size := int((await self.reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                yield (await self.reader.readexactly(size + 2))[:-2]
            while await self.reader.readuntil(b"\r\n") != b"\r\n":
                pass
        elif answer.length is None:
            while piece := await self.reader.read(PIECE):
                yield piece
        else:
            left = answer.length
            while left:
                piece = await self.reader.read(min(left, PIECE))
                if not piece:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(piece)
                yield piece

    def close(self) -> None:
        """Hang up without a word."""
        self.writer.close()


@dataclass
class Pool:
    """Idle connections to one backend, the last used first."""

    host: str
    port: int
    _idle: deque[Connection] = field(default_factory=deque)

    async def take(self, *, fresh: bool = False) -> Connection:
        """Return an idle connection that looks alive, else a new one. Raises Away."""
        while self._idle and not fresh:
            connection = self._idle.pop()
            if not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.close()
        try:
            return Connection(*await asyncio.open_connection(self.host, self.port))
        except OSError as error:
            raise Away from error

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        if len(self._idle) >= MOST_IDLE:
            connection.close()
            return
        connection.used = True
        self._idle.append(connection)
