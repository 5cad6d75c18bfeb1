"""The words of `lockstep.v1`: what a client may say, what the server says, and why it hangs up.

The same words travel by WebSocket, server-sent events and long-poll; what only a socket can say (`subscribe`) the
other two say in their address, see `wishes`.

Client: `{"type": "subscribe", "topic": "order/ord_x", "after": {"version": 3}}` (`after` only to resume; a topic that
is no stream of its own takes `{"position": 17}`), `{"type": "unsubscribe", "topic": …}`,
`{"type": "ack", "position": 17, "shown_at": …}`, `{"type": "ping"}`.
Server: `welcome`, `snapshot` and event frames, `error` (with `code`, `topic`), `resync` (frames were dropped, a
snapshot follows), `ping` each 20 s, `pong`, `reconnect` (come back within `within_ms`, the server is going).
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import orjson

SUBPROTOCOL = "lockstep.v1"
STREAM_TOPICS = 50  # topics of one event stream or poll: they stand in its address
FRAME_LIMIT = 8_192  # bytes a client may send at once
SUBSCRIPTIONS = 200  # a connection
BURST, PER_SECOND = 250, 20  # client messages: all subscriptions at once when it connects, then this many
PING_SECONDS = 20
RIGHTS_SECONDS = 45  # after which rights are read again: one that was taken away must be of no use after a minute
SILENCE_SECONDS = 60  # how long a connection may follow nothing
HIGHEST = 2**53  # beyond it JavaScript cannot count
NAME_LIMIT = 80  # characters of a topic's name


class Close(IntEnum):
    """Close codes of our own, after RFC 6455 section 7.4.2, and two registered ones."""

    BAD_MESSAGE = 4400
    SIGN_IN = 4401
    FORBIDDEN = 4403
    IDLE = 4408
    TOO_LARGE = 4413
    TOO_MANY = 4429
    GOING = 1012
    TRY_LATER = 1013


class BadMessage(Exception):
    """What came is not a message of this protocol."""


class Refused(Exception):
    """Nobody is let in: the close code says why, `words` what to do."""

    def __init__(self, code: Close, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class After(NamedTuple):
    """What a client has of a topic: a version of its stream (0: nothing yet), or everything up to a position."""

    version: int = 0
    position: int | None = None


NOTHING = After()


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Follow `topic` from `after` on."""

    topic: str
    after: After


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Stop following `topic`."""

    topic: str


@dataclass(frozen=True, slots=True)
class Ack:
    """What the log has at `position` is on the screen."""

    position: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask whether the server is there."""


Said = Subscribe | Unsubscribe | Ack | Ping


def parse(text: str) -> Said:
    """Read one client message. Raises BadMessage with a sentence for the developer at the other end."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadMessage("not JSON") from None
    if not isinstance(message, dict):
        raise BadMessage("not an object")
    match message.get("type"):
        case "subscribe":
            return Subscribe(_topic(message), _after(message))
        case "unsubscribe":
            return Unsubscribe(_topic(message))
        case "ack":
            return Ack(_count(message, "position"))
        case "ping":
            return Ping()
    raise BadMessage("unknown type")


def wishes(named: list[str], cursor: str) -> list[Subscribe]:
    """Read the topics of an event stream or poll, each as `name` or `name@version`.

    `cursor` (a position, "" for none) goes before the versions. Raises BadMessage.
    """
    position = _position(cursor) if cursor else None
    if not 1 <= len(named) <= STREAM_TOPICS:
        message = f"name 1 to {STREAM_TOPICS} topics"
        raise BadMessage(message)
    found = []
    for text in named:
        name, _, version = text.partition("@")
        told = After(_position(version)) if version else NOTHING
        found.append(Subscribe(_topic({"topic": name}), told if position is None else After(position=position)))
    return found


def say(kind: str, **words: Any) -> str:
    """Write one server message."""
    return orjson.dumps({"type": kind, **words}, option=orjson.OPT_UTC_Z).decode()


def _topic(message: dict[str, Any]) -> str:
    topic = message.get("topic")
    if not isinstance(topic, str) or not re.fullmatch(r"[\x21-\x7e]+", topic) or len(topic) > NAME_LIMIT:
        raise BadMessage("topic is not a name")
    return topic


def _after(message: dict[str, Any]) -> After:
    after = message.get("after")
    if after is None:
        return NOTHING
    if not isinstance(after, dict):
        raise BadMessage("after is not an object")
    if "position" in after:
        return After(position=_count(after, "position"))
    return After(_count(after, "version"))


def _position(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(HIGHEST)) or int(text) >= HIGHEST:
        raise BadMessage("a cursor is a whole number, as the last frame said it")
    return int(text)


def _count(message: dict[str, Any], name: str) -> int:
    count = message.get(name)
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < HIGHEST:
        raise BadMessage(f"{name} is not a whole number")
    return count
