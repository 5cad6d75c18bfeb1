"""`/live/ws`: one WebSocket from its opening to its end; app.py routes here, the hub delivers through it."""

import asyncio
import time
from typing import Any

from config.ground import clock
from notifications.live import protocol
from notifications.live.asgi import Message, Receive, Send
from notifications.live.connection import Connection
from notifications.live.door import let_in
from notifications.live.following import subscribe, unsubscribe
from notifications.live.hub import Hub
from notifications.live.protocol import Ack, BadMessage, Close, Ping, Refused, Subscribe, Unsubscribe


class WebSocket:
    """The ASGI application of the socket."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Accept, serve until either side hangs up, forget."""
        await receive()
        offered = protocol.SUBPROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": protocol.SUBPROTOCOL if offered else None})
        if not offered:
            await send(_close(Close.BAD_MESSAGE, f"offer the subprotocol {protocol.SUBPROTOCOL}"))
            return
        try:
            connection = Connection(self.hub, send, await let_in(self.hub, scope))
        except Refused as refused:
            await send(_close(refused.code, refused.words))
            return
        self.hub.open(connection)
        connection.say("welcome", protocol=protocol.SUBPROTOCOL, at=clock.now(), ping_seconds=protocol.PING_SECONDS)
        try:
            await self._serve(connection, receive, send)
        finally:
            self.hub.close(connection)

    async def _serve(self, connection: Connection, receive: Receive, send: Send) -> None:
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

    async def _listen(self, connection: Connection, receive: Receive) -> None:
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

    async def _hear(self, connection: Connection, text: str | None) -> None:
        if text is None:
            connection.hang_up(Close.BAD_MESSAGE, "text only")
            return
        if len(text) > protocol.FRAME_LIMIT:
            connection.hang_up(Close.TOO_LARGE, f"at most {protocol.FRAME_LIMIT} bytes")
            return
        try:
            said = protocol.parse(text)
        except BadMessage as error:
            connection.hang_up(Close.BAD_MESSAGE, str(error))
            return
        match said:
            case Subscribe():
                await subscribe(connection, said)
            case Unsubscribe():
                unsubscribe(connection, said.topic)
            case Ack():
                connection.acked = max(connection.acked, said.position)
                self.hub.acknowledge(said.position)
            case Ping():
                connection.say("pong", at=clock.now())


def _close(code: int, reason: str) -> Message:
    return {"type": "websocket.close", "code": int(code), "reason": reason}
