"""`/live/ws`: one WebSocket from its opening to its end; app.py routes here, the hub delivers through it."""

import asyncio
import logging
import time
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from config.ground import clock
from notifications.live import protocol
from notifications.live.asgi import Message, Receive, Send
from notifications.live.connection import Connection
from notifications.live.hub import Hub
from notifications.live.person import from_session
from notifications.live.protocol import Ack, BadMessage, Close, Ping, Subscribe, Unsubscribe
from notifications.live.subscription import Subscription
from notifications.live.topics import find

logger = logging.getLogger(__name__)


class WebSocket:
    """The ASGI application of the socket. `scope["cookies"]` comes from Channels' CookieMiddleware."""

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
        key = scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        try:
            person = await self.hub.pool.run(lambda: from_session(key))
        except DatabaseError as error:
            logger.warning("cannot tell who connects: %s", error)
            await send(_close(Close.TRY_LATER, "try again"))
            return
        connection = Connection(self.hub, send, person, key)
        self.hub.connections.add(connection)
        connection.say("welcome", protocol=protocol.SUBPROTOCOL, at=clock.now(), ping_seconds=protocol.PING_SECONDS)
        try:
            await self._serve(connection, receive, send)
        finally:
            self.hub.connections.discard(connection)
            connection.end()

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
                await self._subscribe(connection, said)
            case Unsubscribe():
                self._unsubscribe(connection, said.topic)
            case Ack():
                connection.acked = max(connection.acked, said.position)
                self.hub.acknowledge(said.position)
            case Ping():
                connection.say("pong", at=clock.now())

    async def _subscribe(self, connection: Connection, wish: Subscribe) -> None:
        """Follow a topic, or read it again when it is followed already. Who may not learns only "not found"."""
        found = find(self.hub.topics, wish.topic)
        if found is None:
            connection.say("error", code="not_found", topic=wish.topic)
            return
        if wish.topic not in connection.subscriptions and len(connection.subscriptions) >= protocol.SUBSCRIPTIONS:
            connection.say("error", code="too_many_subscriptions", topic=wish.topic)
            return
        topic, ref = found
        try:
            role = await self.hub.pool.run(lambda: topic.may_follow(connection.person, ref))
        except DatabaseError:
            connection.hang_up(Close.TRY_LATER, "try again")
            return
        self._unsubscribe(connection, wish.topic)
        if role is None:
            connection.say("error", code="not_found", topic=wish.topic)
            return
        subscription = Subscription(connection, topic, wish.topic, ref, role)
        connection.subscriptions[wish.topic] = subscription
        self.hub.join(subscription)
        subscription.refill(wish.after)

    def _unsubscribe(self, connection: Connection, name: str) -> None:
        subscription = connection.subscriptions.pop(name, None)
        if subscription is not None:
            self.hub.leave(subscription)
            connection.idle_since = time.monotonic()


def _close(code: int, reason: str) -> Message:
    return {"type": "websocket.close", "code": int(code), "reason": reason}
