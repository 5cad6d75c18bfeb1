"""STOMP 1.2 on `/live/ws` (subprotocol `v12.stomp`), read only: one more dress for the connection of a socket.

SUBSCRIBE to `/topic/orders/ord_x` follows our topic `order/ord_x` (so too shops, boards, customers, riders); a header
`after` names the version one has. Each MESSAGE holds a frame of `lockstep.v1`. CONNECT's `passcode` may be an API key.
Source: https://stomp.github.io/stomp-specification-1.2.html. websocket.py calls us.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson

from notifications.live import protocol
from notifications.live.asgi import Message, Receive, Send
from notifications.live.connection import Connection, Visitor
from notifications.live.door import let_in
from notifications.live.following import act
from notifications.live.hub import Hub
from notifications.live.protocol import SUBSCRIPTIONS, Ack, BadMessage, Close, Refused, Unsubscribe

SUBPROTOCOL = "v12.stomp"
OUR_BEAT_MS = (protocol.PING_SECONDS + 5) * 1000  # how long we may be silent: a ping, and a slow second
THEIR_BEAT_MS = protocol.PING_SECONDS * 1000  # how often somebody who promised beats has to say something
CONNECT_SECONDS = 10.0  # from the socket's opening to its CONNECT
BEATS = re.compile(r"(\d{1,9}),(\d{1,9})")
DESTINATION = re.compile(r"/topic/([a-z]{1,20})s/([A-Za-z0-9_-]{1,50})")
PLAIN = re.compile("([^:]+):(.*)")  # nothing is escaped in CONNECT
HEADER = re.compile(r"((?:[^:\\]|\\[rnc\\])+):((?:[^\\]|\\[rnc\\])*)")
ESCAPES = {"\\r": "\r", "\\n": "\n", "\\c": ":", "\\\\": "\\"}
ESCAPED = str.maketrans({plain: escape for escape, plain in ESCAPES.items()})


def read(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Read command and headers of each frame in a message, beats left out. Raises BadMessage."""
    *frames, rest = text.split("\0")
    for frame in frames:
        head, end, _body = frame.lstrip("\r\n").replace("\r\n", "\n").partition("\n\n")
        command, *lines = head.split("\n")
        rule, plain = (PLAIN, str) if command in {"CONNECT", "STOMP"} else (HEADER, _unescaped)
        pairs = [rule.fullmatch(line) for line in reversed(lines)]
        if not end or None in pairs:
            raise BadMessage("a frame is a command, headers name:value, an empty line and NUL")
        yield command, {plain(pair[1]): plain(pair[2]) for pair in pairs if pair}  # of two of a name the first counts
    if rest.strip("\r\n"):
        raise BadMessage("a frame ends with NUL, in the message that began it")


def write(command: str, body: str = "", **headers: Any) -> Message:
    """Write one frame, as the socket sends it."""
    lines = [f"{name.replace('_', '-')}:{str(value).translate(ESCAPED)}" for name, value in headers.items()]
    return {"type": "websocket.send", "text": "\n".join([command, *lines, "", f"{body}\0"])}


async def connect(hub: Hub, scope: Message, receive: Receive, send: Send) -> "Stomp":
    """Wait for CONNECT, then let in whoever it is. Raises Refused, BadMessage."""
    said: Message = {}
    with suppress(TimeoutError):
        said = await asyncio.wait_for(receive(), CONNECT_SECONDS)
    command, headers = next(read(said.get("text") or ""), ("", {}))
    beats = BEATS.fullmatch(headers.get("heart-beat", "0,0"))
    if command not in {"CONNECT", "STOMP"} or beats is None:
        raise Refused(Close.BAD_MESSAGE, "say CONNECT first, with a heart-beat of two whole numbers or none")
    if "1.2" not in headers.get("accept-version", "").split(","):
        raise Refused(Close.BAD_MESSAGE, "only STOMP 1.2 is spoken here")
    key = [(b"x-api-key", headers["passcode"].encode())] if headers.get("passcode") else []
    visitor = await let_in(hub, {**scope, "headers": [*scope["headers"], *key]})
    return Stomp(hub, send, visitor, int(beats[1]), int(beats[2]))


class Stomp(Connection):
    """A connection whose frames go out as MESSAGE. Whatever is refused ends it, as STOMP demands."""

    def __init__(self, hub: Hub, send: Send, visitor: Visitor, their_beat: int, our_beat: int) -> None:
        super().__init__(hub, send, visitor)
        self._followed: dict[str, str] = {}  # the client's id of a subscription → its topic
        self._receipt: dict[str, str] = {}  # the header that says what we are about to answer
        self._sent = 0
        self._heard_at = time.monotonic()
        self._silence = 2 * max(their_beat, THEIR_BEAT_MS) / 1000 if their_beat else 0.0  # seconds; 0: none promised
        self._wants_beats = our_beat > 0

    def deliver(self, frame: Message) -> None:
        """Send it to each subscription that follows its topic."""
        said, size = orjson.loads(frame["text"]), len(frame["text"].encode())
        about = {"content_type": "application/json", "content_length": size, "ack": said.get("position", 0)}
        about["destination"] = f"/topic/{said['topic'].replace('/', 's/')}"
        for name in [name for name, topic in self._followed.items() if topic == said["topic"]]:
            self._sent += 1
            self.push(write("MESSAGE", frame["text"], subscription=name, message_id=self._sent, **about))

    def say(self, kind: str, **words: Any) -> None:
        """Say in STOMP what a socket is told in words of its own."""
        if kind == "welcome":
            self.push(write("CONNECTED", version="1.2", heart_beat=f"{OUR_BEAT_MS},{THEIR_BEAT_MS}", server="lockstep"))
        elif kind == "ping" and self._silence and time.monotonic() - self._heard_at > self._silence:
            self.hang_up(Close.IDLE, "no heart-beat came")
        elif kind == "ping" and self._wants_beats:
            self.push({"type": "websocket.send", "text": "\n"})
        elif kind == "resync":
            self.deliver({"text": protocol.say(kind, **words)})
        elif kind == "error":
            self.refuse(Close.FORBIDDEN, f"{words['code']}: {words['topic']}")
        elif kind == "reconnect":
            self.hang_up(Close.GOING, "the server is going")

    def refuse(self, code: int, words: str) -> None:
        """Say why there will be no more, and hang up."""
        self.push(write("ERROR", message=words, **self._receipt))
        self.hang_up(code, words)

    async def hear(self, text: str) -> None:
        """Do what a message says, and give the receipts it asks for."""
        self._heard_at = time.monotonic()
        try:
            for command, headers in read(text):
                self._receipt = {"receipt_id": headers["receipt"]} if "receipt" in headers else {}
                await self._do(command, headers.get("id", ""), headers)
                if self.closing.done():
                    return
                if self._receipt:
                    self.push(write("RECEIPT", **self._receipt))
                    self._receipt = {}
                if command == "DISCONNECT":
                    self.hang_up(1000, "")
        except BadMessage as error:
            self.refuse(Close.BAD_MESSAGE, str(error))

    async def _do(self, command: str, name: str, headers: dict[str, str]) -> None:
        if command == "SUBSCRIBE" and name and name not in self._followed and len(self._followed) < SUBSCRIPTIONS:
            if (asked := DESTINATION.fullmatch(headers.get("destination", ""))) is None:
                raise BadMessage("a destination is /topic/orders/ and the order's id")
            topic = self._followed[name] = f"{asked[1]}/{asked[2]}"
            (wish,) = protocol.wishes([f"{topic}@{headers['after']}" if "after" in headers else topic], "")
            await act(self, wish)
        elif command == "UNSUBSCRIBE" and name in self._followed:
            gone = self._followed.pop(name)
            if gone not in self._followed.values():
                await act(self, Unsubscribe(gone))
        elif command == "ACK" and re.fullmatch("[0-9]{1,15}", name):
            await act(self, Ack(int(name)))
        elif command not in {"DISCONNECT", "NACK"}:
            raise BadMessage(f"read only: no {command[:20]} here, or its id does not fit")


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda found: ESCAPES[found[0]], text)
