"""`GET /live/sse?topic=order/ord_x&topic=…`: the same frames as server-sent events, for browsers without a socket.

Each event's data is one message of `lockstep.v1`. Its id is a position: everything up to it has been sent on all the
topics, so a browser that comes back with `Last-Event-ID` (or `?after=`) misses nothing. A topic may carry the version
that the page shows: `topic=order/ord_x@3`.
"""

import asyncio
from contextlib import suppress
from typing import Any

from config.ground import clock
from notifications.live import protocol
from notifications.live.asgi import Message, Receive, Send
from notifications.live.connection import Connection, Visitor
from notifications.live.door import let_in
from notifications.live.following import subscribe
from notifications.live.hub import Hub
from notifications.live.protocol import Close, Refused
from notifications.live.web import asked, gone, refuse, wishes

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the events back
]


class EventStream(Connection):
    """A connection whose frames go out as events of one long answer."""

    __slots__ = ("is_complete",)

    def __init__(self, hub: Hub, send: Send, visitor: Visitor) -> None:
        super().__init__(hub, send, visitor)
        self.is_complete = False  # every topic that was asked for is followed

    def deliver(self, frame: Message) -> None:
        """Send it; with an id when nothing older is still to come on another topic."""
        mark = f"id: {self.reached}\n" if self.is_complete and self.subscriptions and self.is_level else ""
        self._write(f"{mark}data: {frame['text']}\n\n")

    def filled(self) -> None:
        """Tell how far everything is, as an id without an event."""
        if self.is_complete and self.is_level:
            self._write(f"id: {self.reached}\n\n")

    def leave(self) -> None:
        """End the answer: the browser comes again by itself."""
        self.hang_up(Close.GOING, "the server is going")

    def _write(self, text: str) -> None:
        self.push({"type": "http.response.body", "body": text.encode(), "more_body": True})


class Events:
    """The ASGI application of event streams."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one stream until either side ends it."""
        try:
            told = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
            cursor = told or asked(scope).get("after", [""])[0]
            wanted = wishes(scope, cursor)
            stream = EventStream(self.hub, send, await let_in(self.hub, scope))
        except Refused as refused:
            await refuse(send, refused)
            return
        self.hub.open(stream)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            stream.say("welcome", protocol=protocol.SUBPROTOCOL, at=clock.now(), ping_seconds=protocol.PING_SECONDS)
            for wish in wanted:
                await subscribe(stream, wish)
            stream.is_complete = True
            if stream.subscriptions:
                stream.filled()
            else:
                stream.hang_up(Close.FORBIDDEN, "nothing to follow")
            await self._until_the_end(stream, receive)
        finally:
            self.hub.close(stream)
        with suppress(Exception):  # the other end may be gone, and servers say so in ways of their own
            await send({"type": "http.response.body", "body": b""})

    async def _until_the_end(self, stream: EventStream, receive: Receive) -> None:
        leaving = asyncio.get_running_loop().create_task(gone(receive))
        try:
            ends: list[asyncio.Future[Any]] = [leaving, stream.closing]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
        if stream.closing.done():
            code, reason = stream.closing.result()
            stream.say("closed", code=int(code), reason=reason)
            await stream.drained()
