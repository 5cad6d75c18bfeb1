"""Builds the live application from the table of topics; config/asgi.py and the tests call it.

SSE and long-poll join here later, as plain ASGI functions over the same hub, in `http`.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any, cast
from urllib.parse import urlsplit

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.http import HttpResponse
from django.urls import URLPattern, path

from notifications.live.asgi import Application, Message, Receive, Send
from notifications.live.hub import Hub
from notifications.live.topics import Topics
from notifications.live.websocket import WebSocket

GOODBYE_MS = 4_000  # within which told clients come back, each at a moment of its own
GOODBYE_SECONDS = 0.2  # for the words to leave before the server closes its sockets

logger = logging.getLogger(__name__)


class LiveApplication:
    """The ASGI application: `/live/ws`, 404 for other paths, and the hub's life by lifespan events."""

    def __init__(self, topics: Topics, origins: Sequence[str]) -> None:
        self._topics = topics
        self._origins = origins
        self.hub: Hub | None = None
        self._routes: Application | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        """Route one connection or request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._routes is None:
            message = "The live application needs a server with lifespan events."
            raise RuntimeError(message)
        await self._routes(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        message = await receive()
        while message["type"] != "lifespan.shutdown":
            self.hub = Hub(self._topics)
            self._routes = _routes(self.hub, self._origins)
            await self.hub.start()
            self._say_goodbye_on_sigterm(self.hub)
            await send({"type": "lifespan.startup.complete"})
            message = await receive()
        if self.hub is not None:
            await self.hub.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _say_goodbye_on_sigterm(self, hub: Hub) -> None:
        """Before the server closes its sockets on SIGTERM, tell the clients when to be back."""
        loop, server = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

        def go(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(hub.send_off, GOODBYE_MS)
            if callable(server):
                loop.call_soon_threadsafe(loop.call_later, GOODBYE_SECONDS, server, number, frame)

        try:
            signal.signal(signal.SIGTERM, go)
        except ValueError:
            logger.info("not the main thread: clients are not told before the server goes")


def _routes(hub: Hub, origins: Sequence[str]) -> Application:
    socket = CookieMiddleware(URLRouter([_at("live/ws", WebSocket(hub)), _at("<path:rest>", deny)]))

    async def guarded(scope: Message, receive: Receive, send: Send) -> None:
        await (socket if is_ours(scope["headers"], origins) else deny)(scope, receive, send)

    routes: Application = ProtocolTypeRouter({"websocket": guarded, "http": not_found})
    return routes


def _at(route: str, application: Application) -> URLPattern:
    """Route in Django's way to an ASGI application, which Channels' router calls instead of a view."""
    return path(route, cast("Callable[..., HttpResponse]", application))


def is_ours(headers: Iterable[tuple[bytes, bytes]], origins: Sequence[str]) -> bool:
    """Say whether a page of ours opened this socket: its Origin is the Host asked for, or one of `origins`.

    A browser always sends Origin; a program that sends none carries nobody's cookies by accident. Channels'
    OriginValidator knows lists only, and a development stack has many names.
    """
    said = {name: value.decode("latin-1") for name, value in headers if name in {b"origin", b"host"}}
    origin = said.get(b"origin")
    return origin is None or origin in origins or urlsplit(origin).netloc == said.get(b"host")


async def deny(scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's shape
    """Refuse a WebSocket on any other path."""
    await receive()
    await send({"type": "websocket.close"})


async def not_found(scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG001 - as above
    """Answer 404 to plain HTTP."""
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"There is nothing here.\n"})
