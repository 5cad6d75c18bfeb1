"""The server under the live application: uvicorn, with what it lacks against slow and greedy strangers.

`manage.py live` and the tests run it with these very options. uvicorn itself waits for ever for the head of a request,
keeps whatever length of it comes, keeps pongs and empty fragments for somebody who never reads, and cannot let go of a
peer that stopped reading; the classes here end each of these.
"""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.protocol import State

from notifications.live.asgi import WIRE

HEAD_SECONDS = 10.0  # from the first byte awaited to the end of a request's head
HEAD_BYTES = 32_768  # fifty topics and all cookies, several times
UNHEARD_MS = 60_000  # after which the kernel gives up a peer that takes nothing any more: gone, or not reading
PIECES = 64  # fragments of one message
OPTIONS: dict[str, Any] = {
    "loop": "uvloop",
    "ws_per_message_deflate": False,  # small frames: compressing costs more than it saves
    "ws_max_size": 65_536,  # bytes, refused by the frame's head; the protocol's own limit is lower and says so kindly
    "ws_ping_interval": 20.0,  # seconds; a browser's pong is not seen by pages, so it proves the network only
    "ws_ping_timeout": 20.0,
    "log_level": "warning",
    "access_log": False,  # a ticket stands in the address
    "server_header": False,
    "proxy_headers": False,  # door.py reads them, and only from proxies of ours
    "lifespan": "on",
    "timeout_graceful_shutdown": 2,  # seconds; whoever stalls is not waited for
    "timeout_keep_alive": 75,
}


class Http(HttpToolsProtocol):
    """A request's head comes in time and is of some length; the kernel ends what nobody takes."""

    _patience: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        line = transport.get_extra_info("socket")
        if line is not None and line.family in {socket.AF_INET, socket.AF_INET6}:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a piece; a head that has not ended by then has a limit."""
        self._head += len(data)
        super().data_received(data)
        if self._patience is not None and self._head > HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_message_begin(self) -> None:
        """The head of another request begins."""
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It is all there."""
        self._wait_no_more()
        super().on_headers_complete()

    def _wait(self) -> None:
        if self._patience is None:
            self._head = 0
            self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class Inbox:
    """What a line said and nobody has read yet; one reads. asyncio's own queue has four deques, 3 KiB, for many."""

    __slots__ = ("_items", "_news")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._news: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether everything was read."""
        return not self._items

    def put_nowait(self, item: Any) -> None:
        """Add one; uvicorn stops reading from the line while there is one."""
        self._items.append(item)
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def get(self) -> Any:
        """Take the first, when there is one."""
        while not self._items:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        return self._items.pop(0)


class Socket(WebSocketsSansIOProtocol):
    """Answers a handshake that cannot be read, and keeps nothing for somebody who takes nothing."""

    def __init__(self, *parts: Any, **named: Any) -> None:
        super().__init__(*parts, **named)
        self.queue = Inbox()  # type: ignore[assignment]

    async def send(self, message: Any) -> None:
        """Write what the hub framed for many sockets as it is; all else, and any doubt, goes uvicorn's own way."""
        frame = message.get(WIRE)
        if frame is None or not self.writable.is_set() or not self.handshake_complete or self.close_sent:
            await super().send(message)
        elif self.disconnected or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        else:
            self.transport.write(frame)

    def data_received(self, data: bytes) -> None:
        """Take a piece. An address too long, too many heads: uvicorn would say nothing, and stumble when it stops."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; empty ones count too, no size ever stops them."""
        if len(self.frames) >= PIECES:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer, unless the answers pile up."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.transport.abort()

    def start_keepalive(self) -> None:
        """The handshake is done: its heads, in three spellings, are a fifth of what a line weighs."""
        del self.request, self.response
        super().start_keepalive()

    def keepalive_timeout(self) -> None:
        """Say why, and do not wait until it was read."""
        super().keepalive_timeout()
        self.loop.call_later(1.0, self.transport.abort)


def server(application: Any, **changes: Any) -> uvicorn.Server:
    """Make the server of an ASGI application (or its "module:name") with our options, some of them changed."""
    return uvicorn.Server(uvicorn.Config(application, http=Http, ws=Socket, **{**OPTIONS, **changes}))
