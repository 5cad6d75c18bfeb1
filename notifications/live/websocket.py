"""`/live/ws`: one WebSocket from its opening to its end; app.py routes here, the hub delivers through it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from config.ground import clock
from notifications.live import protocol, stomp
from notifications.live.asgi import Message, Receive, Send
from notifications.live.connection import Connection
from notifications.live.door import let_in
from notifications.live.following import act
from notifications.live.hub import Hub
from notifications.live.protocol import BadMessage, Close, Refused
from notifications.live.stomp import Stomp


class WebSocket:
    """The ASGI application of the socket."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Accept, serve until either side hangs up, forget."""
        await receive()
        spoken = next((name for name in DRESSES if name in scope["subprotocols"]), None)
        await send({"type": "websocket.accept", "subprotocol": spoken})
        if spoken is None:
            await send(_close(Close.BAD_MESSAGE, f"offer the subprotocol {protocol.SUBPROTOCOL}"))
            return
        try:
            connection = await DRESSES[spoken](self.hub, scope, receive, send)
        except (Refused, BadMessage) as error:
            refused = error if isinstance(error, Refused) else Refused(Close.BAD_MESSAGE, str(error))
            if spoken == stomp.SUBPROTOCOL:
                await send(stomp.write("ERROR", message=refused.words, version="1.2"))
            await send(_close(refused.code, refused.words))
            return
        for read in (scope["headers"], scope):
            read.clear()  # the server keeps what was asked for as long as the line lasts; nobody reads it again
        self.hub.open(connection)
        connection.say("welcome", protocol=protocol.SUBPROTOCOL, at=clock.now(), ping_seconds=protocol.PING_SECONDS)
        try:
            await self._serve(connection, receive, send)
        finally:
            self.hub.close(connection)

    async def _serve(self, connection: "Socket | Stomp", receive: Receive, send: Send) -> None:
        listening = asyncio.get_running_loop().create_task(self._listen(connection, receive))
        try:
            ends: list[asyncio.Future[Any]] = [listening, connection.closing]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
        if listening.done() and not listening.cancelled():
            listening.result()
        if connection.closing.done() and not connection.is_over:
            await send(_close(*connection.closing.result()))

    async def _listen(self, connection: "Socket | Stomp", receive: Receive) -> None:
        allowed, at = float(protocol.BURST), time.monotonic()
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                connection.is_over = True
                return
            now = time.monotonic()
            allowed, at = min(protocol.BURST, allowed + (now - at) * protocol.PER_SECOND) - 1, now
            if allowed < 0:
                connection.hang_up(Close.TRY_LATER, "too many messages")
                return
            await self._hear(connection, message.get("text"))
            if connection.closing.done():
                return

    async def _hear(self, connection: "Socket | Stomp", text: str | None) -> None:
        if text is None:
            connection.hang_up(Close.BAD_MESSAGE, "text only")
            return
        if len(text) > protocol.FRAME_LIMIT:
            connection.hang_up(Close.TOO_LARGE, f"at most {protocol.FRAME_LIMIT} bytes")
            return
        await connection.hear(text)


class Socket(Connection):
    """A connection that is spoken to in `lockstep.v1`."""

    __slots__ = ()

    async def hear(self, text: str) -> None:
        """Do what one message says."""
        try:
            await act(self, protocol.parse(text))
        except BadMessage as error:
            self.hang_up(Close.BAD_MESSAGE, str(error))


async def _connect(hub: Hub, scope: Message, receive: Receive, send: Send) -> Socket:  # noqa: ARG001 - as stomp.connect
    return Socket(hub, send, await let_in(hub, scope))


DRESSES: dict[str, Callable[[Hub, Message, Receive, Send], Awaitable[Socket | Stomp]]] = {
    protocol.SUBPROTOCOL: _connect,
    stomp.SUBPROTOCOL: stomp.connect,
}


def _close(code: int, reason: str) -> Message:
    return {"type": "websocket.close", "code": int(code), "reason": reason}
