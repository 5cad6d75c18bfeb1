"""`GET /live/poll?topic=order/ord_x&after=17`: the same frames, asked for again and again, where nothing else passes.

Answers `{"position": 18, "frames": [...]}` as soon as there is news, at the latest after `wait` seconds (25 by default
and at most); the next question says `after=18`. Without `after` the answer is the whole state at once.
`POST /live/ack` with `{"position": 18}` tells what is shown, as a socket's `ack` does.
"""

import asyncio
from contextlib import suppress
from typing import Any

import orjson

from notifications.live.asgi import Message, Receive, Send
from notifications.live.connection import Connection, Visitor
from notifications.live.door import let_in
from notifications.live.following import subscribe
from notifications.live.hub import Hub
from notifications.live.person import NOBODY, Credential
from notifications.live.protocol import FRAME_LIMIT, BadMessage, Close, Refused, parse
from notifications.live.protocol import Ack as Acknowledged
from notifications.live.web import answer, asked, body_of, gone, refuse, wishes

WAIT = 25.0  # seconds; proxies cut an answer that is silent for longer
MOST = 200  # frames that one answer takes
REMEMBERED = 10_000  # visitors whose last acknowledgement is known


class Waiter(Connection):
    """A connection that keeps what comes until there is enough for an answer."""

    __slots__ = ("_news", "frames")

    def __init__(self, hub: Hub, send: Send, visitor: Visitor) -> None:
        super().__init__(hub, send, visitor)
        self.frames: list[bytes] = []
        self._news = asyncio.Event()

    def deliver(self, frame: Message) -> None:
        """Keep it; pings and the like need no answer."""
        text: str = frame["text"]
        if len(self.frames) < MOST:
            self.frames.append(text.encode())
        else:
            self.hang_up(Close.TRY_LATER, "too much has happened: ask again without `after`")
        self._news.set()

    def say(self, kind: str, **words: Any) -> None:
        """Only what concerns a topic is news."""
        if "topic" in words:
            super().say(kind, **words)

    def filled(self) -> None:
        """Look again whether there is something to answer."""
        self._news.set()

    def leave(self) -> None:
        """Answer with what there is."""
        self.hang_up(Close.GOING, "the server is going")

    async def news(self) -> None:
        """Wait until every topic is level with the log and something has come."""
        while not (self.is_level and self.frames):
            await self._news.wait()
            self._news.clear()

    async def level(self) -> None:
        """Wait until every topic is level with the log."""
        while not self.is_level:
            await self._news.wait()
            self._news.clear()


class Poll:
    """The ASGI application of long polls."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one question."""
        try:
            question = asked(scope)
            wanted = wishes(scope, question.get("after", [""])[0])
            seconds = _seconds(question.get("wait", [""])[0])
            waiter = Waiter(self.hub, send, await let_in(self.hub, scope))
        except Refused as refused:
            await refuse(send, refused)
            return
        self.hub.open(waiter)
        try:
            for wish in wanted:
                await subscribe(waiter, wish)
            await self._wait(waiter, receive, seconds)
            position, frames, still = waiter.reached, list(waiter.frames), waiter.is_level
            nothing = not waiter.subscriptions
        finally:
            self.hub.close(waiter)
        if nothing:
            await refuse(send, Refused(Close.FORBIDDEN, "none of these topics can be found"))
        elif not still:
            await refuse(send, Refused(Close.TRY_LATER, "the log cannot be read yet: ask again"))
        else:
            await answer(send, 200, {"position": position, "frames": [orjson.Fragment(frame) for frame in frames]})

    async def _wait(self, waiter: Waiter, receive: Receive, seconds: float) -> None:
        """Until there is news or the time is over, and then until what is being read has been read."""
        if not waiter.subscriptions:
            return
        loop = asyncio.get_running_loop()
        leaving, news = loop.create_task(gone(receive)), loop.create_task(waiter.news())
        ends: list[asyncio.Future[Any]] = [leaving, news, waiter.closing]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not news.done() and not leaving.done():
                with suppress(TimeoutError):  # not wait(), which would leave the waiting behind for ever
                    await asyncio.wait_for(waiter.level(), timeout=1.0)
        finally:
            leaving.cancel()
            news.cancel()


class Ack:
    """`POST /live/ack`: what a page without a socket shows."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._acked: dict[Credential, int] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Take one acknowledgement; 204. Each position counts once for whoever shows the same credential."""
        try:
            visitor = await let_in(self.hub, scope)
            position = min(_position(await body_of(receive, FRAME_LIMIT)), self.hub.reached)
        except Refused as refused:
            await refuse(send, refused)
            return
        known = self._acked.pop(visitor.credential, 0)
        if visitor.person != NOBODY and position > known:
            self.hub.acknowledge(position)
        self._acked[visitor.credential] = max(position, known)
        if len(self._acked) > REMEMBERED:
            self._acked.pop(next(iter(self._acked)))
        await answer(send, 204, None)


def _position(text: str) -> int:
    try:
        said = parse(text)
    except BadMessage as error:
        raise Refused(Close.BAD_MESSAGE, str(error)) from None
    if not isinstance(said, Acknowledged):
        raise Refused(Close.BAD_MESSAGE, 'say {"type": "ack", "position": 18}')
    return said.position


def _seconds(text: str) -> float:
    if not text:
        return WAIT
    if not (text.isascii() and text.isdigit()) or len(text) > 3:
        raise Refused(Close.BAD_MESSAGE, "wait is a whole number of seconds")
    return min(WAIT, float(text))
