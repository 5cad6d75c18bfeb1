"""Builds the live application from the tables of topics and people; config/asgi.py and the tests call it."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, cast

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.http import HttpResponse
from django.urls import URLPattern, path

from config.ground.problems import MEDIA_TYPE, problem
from notifications.live.asgi import Application, Message, Receive, Send
from notifications.live.door import is_ours
from notifications.live.events import Events
from notifications.live.hub import Hub
from notifications.live.person import People
from notifications.live.poll import Ack, Poll
from notifications.live.protocol import Close, Refused
from notifications.live.topics import Topics
from notifications.live.web import answer, refuse
from notifications.live.websocket import WebSocket

GOODBYE_MS = 4_000  # within which told clients come back, each at a moment of its own
GOODBYE_SECONDS = 0.2  # for the words to leave before the server closes its sockets

logger = logging.getLogger(__name__)


class LiveApplication:
    """The ASGI application: three transports below `/live/`, 404 for the rest, the hub's life by lifespan events."""

    def __init__(self, topics: Topics, origins: Sequence[str], people: People) -> None:
        self._topics = topics
        self._people = people
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
            self.hub = Hub(self._topics, self._people)
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
            hub.is_going = True
            loop.call_soon_threadsafe(hub.send_off, GOODBYE_MS)
            if callable(server):
                loop.call_soon_threadsafe(loop.call_later, GOODBYE_SECONDS, server, number, frame)

        try:
            signal.signal(signal.SIGTERM, go)
        except ValueError:
            logger.info("not the main thread: clients are not told before the server goes")


def _routes(hub: Hub, origins: Sequence[str]) -> Application:
    sockets = URLRouter([_at("live/ws", WebSocket(hub)), _at("<path:rest>", deny)])
    doors: dict[str, Application] = {
        "live/sse": Events(hub),
        "live/poll": Poll(hub),
        "live/ack": Ack(hub),
        "<path:rest>": not_found,
    }
    pages = URLRouter([_at(route, door) for route, door in doors.items()])
    routes: Application = ProtocolTypeRouter(
        {
            "websocket": _guarded(CookieMiddleware(sockets), deny, origins),
            "http": _guarded(CookieMiddleware(pages), foreign, origins),
        }
    )
    return routes


def _guarded(ours: Application, otherwise: Application, origins: Sequence[str]) -> Application:
    """Serve pages of our own and programs; foreign pages get `otherwise`."""

    async def guard(scope: Message, receive: Receive, send: Send) -> None:
        await (ours if is_ours(scope["headers"], origins) else otherwise)(scope, receive, send)

    return guard


def _at(route: str, application: Application) -> URLPattern:
    """Route in Django's way to an ASGI application, which Channels' router calls instead of a view."""
    return path(route, cast("Callable[..., HttpResponse]", application))


async def deny(scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's shape
    """Refuse a WebSocket on any other path."""
    await receive()
    await send({"type": "websocket.close"})


async def not_found(scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG001 - as above
    """Answer 404 to plain HTTP on any other path."""
    await refuse(send, Refused(Close.FORBIDDEN, "there is nothing here"))


async def foreign(scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG001 - as above
    """Refuse a page of somebody else's: it must not listen with our cookies."""
    document = problem("foreign_origin", 403, "Only pages of our own may listen here; a program sends no Origin.")
    await answer(send, 403, document, MEDIA_TYPE)
