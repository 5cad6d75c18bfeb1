"""One open connection: everything for it goes through one queue, and a stalled one delays nobody else.

This is a WebSocket's; events.py and poll.py say how the other transports carry the same frames.
"""

import asyncio
import types
from collections import deque
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from notifications.live.asgi import Message, Send
from notifications.live.person import Credential, Person
from notifications.live.protocol import NOTHING, say
from notifications.live.subscription import Subscription

if TYPE_CHECKING:
    from notifications.live.hub import Hub

QUEUE = 64  # frames that wait for a full transport; one more and all are dropped for a fresh state


class Visitor(NamedTuple):
    """Whoever was let in: what they showed, who that is, and from where they came."""

    credential: Credential
    person: Person
    address: str


class Connection:
    """Sends eagerly: the transport takes the frame at once, or a task waits for it and a short queue forms behind.

    When the queue overflows it is dropped, and each subscription is filled anew once the transport takes frames
    again. `over` is set when the other end is gone; `closing` gets (code, reason) when we want to hang up.
    """

    __slots__ = (
        "_drain",
        "_overflowed",
        "_queue",
        "_send",
        "acked",
        "address",
        "closing",
        "counted_as",
        "credential",
        "hub",
        "idle_since",
        "is_over",
        "number",
        "person",
        "subscriptions",
    )

    def __init__(self, hub: "Hub", send: Send, visitor: "Visitor") -> None:
        self.hub = hub
        self.person = visitor.person
        self.credential = visitor.credential
        self.address = visitor.address
        self.subscriptions: dict[str, Subscription] = {}
        self.counted_as: list[str] = []
        self.acked = 0
        self.number = next(hub.numbers)
        self.idle_since = hub.clock()  # while it follows nothing
        self.is_over = False
        self.closing: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._send = send
        self._queue: deque[Message] | None = None  # None: the transport is free
        self._overflowed = False
        self._drain: asyncio.Task[None] | None = None

    def deliver(self, frame: Message) -> None:
        """Carry a frame, as the hub encoded it for all sockets, to the other end."""
        self.push(frame)

    def filled(self) -> None:
        """Hear that a subscription is level with the log."""

    @property
    def is_level(self) -> bool:
        """Whether every subscription has whatever the hub has seen."""
        return all(subscription.live for subscription in self.subscriptions.values())

    @property
    def reached(self) -> int:
        """The position up to which a level connection has everything that it follows.

        While Redis is away the hub hears nothing, and only what was read counts: else a poll whose answer brings
        more than the hub has heard of would be told the same again, at once and for as long as that lasts.
        """
        read = min((subscription.position for subscription in self.subscriptions.values()), default=0)
        return max(self.hub.reached, read)

    def push(self, message: Message) -> None:
        """Send a message now, or queue it; never waits."""
        if self._queue is not None:
            if self._overflowed:
                return
            if len(self._queue) < QUEUE:
                self._queue.append(message)
            else:
                self._overflow()
            return
        if self.is_over:
            return
        sending = self._send(message)
        try:
            waiting = sending.send(None)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001 - servers say "gone" in ways of their own
            self.is_over = True
            return
        self._queue = deque()
        self._drain = asyncio.get_running_loop().create_task(self._finish(sending, waiting))

    def say(self, kind: str, **words: Any) -> None:
        """Send one message of the protocol."""
        self.deliver({"type": "websocket.send", "text": say(kind, **words)})

    def hang_up(self, code: int, reason: str) -> None:
        """Ask for the connection to be closed with this code; the first reason counts."""
        if not self.closing.done():
            self.closing.set_result((code, reason))

    def leave(self) -> None:
        """Hear that this server is going. A socket waits for the server to close it."""

    def drop(self, subscription: Subscription, code: str) -> None:
        """End one subscription and say why."""
        self.hub.leave(subscription)
        self.subscriptions.pop(subscription.name, None)
        self.idle_since = self.hub.clock()
        self.say("error", code=code, topic=subscription.name)

    async def drained(self) -> None:
        """Wait until the transport takes frames again."""
        while self._drain is not None:
            await asyncio.wait([self._drain])

    def end(self) -> None:
        """Forget everything: the other end is gone."""
        self.is_over = True
        for subscription in self.subscriptions.values():
            self.hub.leave(subscription)
        self.subscriptions.clear()
        if self._drain is not None:
            self._drain.cancel()

    def _overflow(self) -> None:
        self._overflowed = True
        self.hub.overflows += 1
        if self._queue is not None:
            self._queue.clear()
        for subscription in self.subscriptions.values():
            subscription.refill(NOTHING)

    async def _finish(self, sending: Coroutine[Any, Any, None], waiting: Any) -> None:
        try:
            await _resume(sending, waiting)
            while self._queue:
                await self._send(self._queue.popleft())
        except Exception:  # noqa: BLE001 - as in push
            self.is_over = True
        finally:
            self._queue = self._drain = None
            if self._overflowed:
                self._overflowed = False
                for subscription in self.subscriptions.values():
                    self.say("resync", topic=subscription.name)


@types.coroutine
def _resume(begun: Coroutine[Any, Any, None], waiting: Any) -> Generator[Any, Any, None]:
    """Await a coroutine that was driven by hand up to its first wait, which is `waiting`."""
    try:
        yield waiting
    except BaseException:
        begun.close()
        raise
    yield from begun.__await__()
