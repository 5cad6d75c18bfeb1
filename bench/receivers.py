"""Receivers of webhooks for the bench: five that answer at once, and one each that is sick in its own way."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nlocation: http://localhost/\r\ncontent-length: 0\r\n\r\n"
FIRST = 1  # version of an order that was only placed
LONG = 60.0  # seconds: longer than any sender waits

Behave = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def well(line: asyncio.StreamWriter) -> None:
    """Accept."""
    line.write(ACCEPTED)


async def fails(line: asyncio.StreamWriter) -> None:
    """Answer 500."""
    line.write(FAILED)


async def redirects(line: asyncio.StreamWriter) -> None:
    """Send elsewhere."""
    line.write(MOVED)


async def hangs(_line: asyncio.StreamWriter) -> None:
    """Never a word."""
    await asyncio.sleep(LONG)


async def drips(line: asyncio.StreamWriter) -> None:
    """One byte now and then."""
    for _second in range(int(LONG)):
        line.write(b"H")
        await line.drain()
        await asyncio.sleep(1)


async def resets(line: asyncio.StreamWriter) -> None:
    """Hang up at once."""
    line.transport.abort()


SICK: tuple[Behave, ...] = (fails, redirects, hangs, drips, resets)


@dataclass
class Seen:
    """What one receiver got first of each message: (order, sequence) as they came, and seconds since it happened."""

    port: int = 0
    order: list[tuple[str, int]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    again: int = 0


class Receivers:
    """All of them in one thread; `seen` are theirs in the order in which they were asked for."""

    def __init__(self, kinds: list[Behave], when: Callable[[str], float]) -> None:
        self.seen = [Seen() for _kind in kinds]
        self._kinds = kinds
        self._when = when
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for seen, kind in zip(self.seen, self._kinds, strict=True):
            serve = self._serving(seen, kind)
            server = self._loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
            seen.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))

    def _serving(
        self, seen: Seen, kind: Behave
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        known: set[bytes] = set()

        async def serve(reader: asyncio.StreamReader, line: asyncio.StreamWriter) -> None:
            try:
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = next(
                        int(one[15:]) for one in head.lower().split(b"\r\n") if one.startswith(b"content-length:")
                    )
                    body = await reader.readexactly(length)
                    self._note(seen, known, body)
                    await kind(line)
                    await line.drain()
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                line.close()

        return serve

    def _note(self, seen: Seen, known: set[bytes], body: bytes) -> None:
        if body in known:
            seen.again += 1
            return
        known.add(body)
        payload = orjson.loads(body)["payload"]
        if payload["sequence"] == FIRST:
            return  # of orders that the bench wrote, not of changes that it made
        seen.order.append((payload["orderId"], payload["sequence"]))
        seen.delays.append(time.time() - self._when(payload["timestamp"]))
