"""Follows Lockstep's topics from a Python program: take this one file; it needs Python 3.11 and `websockets`.

    line = Line("https://shop.example", key="lk_…")
    line.follow("order/ord_…")
    for frame in line:
        print(frame["type"], frame.get("version"), line.states)
        line.shown(frame["position"])

Promises: frames of a topic come forward only, none twice and none left out: what was missed while the line was down
comes first, a gap is asked for again. A `snapshot` holds the whole state, any other frame what changed, `line.states`
both merged, `line.versions` how far each topic is (`follow(topic, version)` goes on from there after a restart).
WebSocket, event stream, long-poll: when a way fails twice (one that has worked here: six times) the next one is tried;
from a lower one the higher ones are tried again. Between tries it waits a random time that grows up to 15 s.
An `error` frame is a topic's last; the loop ends with the last topic or by `close`, or with Refused when the key or
ticket is not valid (any more). `by` and `silent_seconds` say how fresh all this is. HTTP proxies are not used.
"""

import contextlib
import http.client
import json
import random
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

Frame = dict[str, Any]

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0  # seconds between tries, doubling
OPEN_SECONDS = 6.0  # within which a way greets, or has failed
SILENT_SECONDS = 45.0  # two pings of the server and some
POLL_SECONDS = 20
FAILURES, FAILURES_OF_PROVEN = 2, 6  # in a row before the next way; one that has worked: rather the server is away
CLIMBS = 10.0, 30.0, 60.0  # seconds between tries to climb
SIGN_IN, FORBIDDEN, TOO_MANY = 4401, 4403, 4429  # close codes; HTTP says 401, 404, 429


class Refused(Exception):
    """Nobody is let in with this key or ticket."""


class Lost(Exception):
    """A way has ended, by the server with this close code, or 0."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


class Way:
    """One connection: `open` returns once the server has greeted, `read` with the next message; or they raise Lost."""

    def __init__(self, line: "Line") -> None:
        self.line = line
        self.is_stale = False  # the topics have changed: open another
        self.asked: set[str] = set()  # topics that this connection was told to follow
        self._ends = contextlib.ExitStack()
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Connect."""
        raise NotImplementedError

    def read(self) -> Frame:
        """Wait for a message."""
        raise NotImplementedError

    def ask(self, _topic: str) -> None:
        """Follow a topic, or read it again, after the version that the line has."""
        self.is_stale = True
        self.close()

    drop = ask

    def shown(self, position: int) -> None:
        """Acknowledge."""
        with contextlib.suppress(Lost):
            self._answer("POST", "/live/ack", body=_ack(position))

    def close(self) -> None:
        """Hang up, whoever is reading."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def free(self) -> None:
        """Give everything back, in the thread that was reading."""
        self.close()
        self._ends.close()

    def _hold(self, plain: socket.socket) -> None:
        """From now on `close` ends this; it may have been said already."""
        self._socket = plain
        if self.is_stale or not self.line.is_wanted:
            raise Lost

    def _ask(self, path: str, seconds: float, **more: str) -> http.client.HTTPResponse:
        has = list(self.line.versions.items())
        self.asked = {topic for topic, _version in has}
        topics = [
            ("topic", f"{topic}@{version}" if version and "after" not in more else topic) for topic, version in has
        ]
        ticket = [("ticket", self.line.ticket())] if self.line.ticket else []
        return self._answer("GET", f"{path}?{urlencode([*topics, *more.items(), *ticket])}", seconds)

    def _answer(
        self, method: str, path: str, seconds: float = OPEN_SECONDS, body: str = ""
    ) -> http.client.HTTPResponse:
        line = self.line
        maker = http.client.HTTPSConnection if line.is_secure else http.client.HTTPConnection
        connection = maker(line.host, line.port, timeout=seconds)
        self._ends.callback(connection.close)
        try:
            connection.request(method, path, body or None, {"Content-Type": "application/json"} | line.headers)
            if method == "GET":
                self._hold(connection.sock)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            raise Lost from None
        self._ends.callback(answer.close)
        if answer.status >= 300:
            raise Lost({401: SIGN_IN, 404: FORBIDDEN, 429: TOO_MANY}.get(answer.status, 0))
        return answer


class Socket(Way):
    """`/live/ws`."""

    def open(self) -> None:
        """Greet, and subscribe to everything."""
        line = self.line
        ticket = [f"ticket.{line.ticket()}"] if line.ticket else []  # so that it is in no log of addresses
        address = f"{'wss' if line.is_secure else 'ws'}://{line.host}:{line.port}/live/ws"
        options: Any = {"ssl": ssl.create_default_context()} if line.is_secure else {}
        try:
            plain = socket.create_connection((line.host, line.port), timeout=OPEN_SECONDS)
            self._ends.callback(plain.close)
            self._hold(plain)
            options |= {"subprotocols": ["lockstep.v1", *ticket], "additional_headers": line.headers, "sock": plain}
            opened: Any = connect(address, compression=None, open_timeout=OPEN_SECONDS, close_timeout=1, **options)
            self._line = self._ends.enter_context(opened)
        except (OSError, WebSocketException):
            raise Lost from None
        self.read()
        for topic in list(line.versions):
            self.ask(topic)

    def read(self) -> Frame:
        """Wait for a message."""
        try:
            said: Frame = json.loads(self._line.recv(timeout=SILENT_SECONDS))
        except ConnectionClosed as closed:
            raise Lost(closed.rcvd.code if closed.rcvd else 0) from None
        except (OSError, WebSocketException):
            raise Lost from None
        return said

    def ask(self, topic: str) -> None:
        """Subscribe; again, too."""
        version = self.line.versions.get(topic)
        self.asked.add(topic)
        self._say({"type": "subscribe", "topic": topic, "after": {"version": version} if version else None})

    def drop(self, topic: str) -> None:
        """Unsubscribe."""
        self.asked.discard(topic)
        self._say({"type": "unsubscribe", "topic": topic})

    def shown(self, position: int) -> None:
        """Acknowledge."""
        self._say(json.loads(_ack(position)))

    def _say(self, words: Frame) -> None:
        with contextlib.suppress(OSError, WebSocketException):  # whoever reads hears of it
            self._line.send(json.dumps(words))


class Events(Way):
    """`/live/sse`."""

    def open(self) -> None:
        """Begin the stream of everything."""
        self._stream = self._ask("/live/sse", SILENT_SECONDS)

    def read(self) -> Frame:
        """Wait for a message."""
        try:
            while text := self._stream.readline():
                if text.startswith(b"data: "):
                    said: Frame = json.loads(text[6:])
                    if said["type"] != "closed":
                        return said
                    raise Lost(said["code"])
        except (OSError, http.client.HTTPException, ValueError):
            pass
        raise Lost


class Poll(Way):
    """`/live/poll`."""

    def open(self) -> None:
        """Ask for the first time: what is there already."""
        self._told: deque[Frame] = deque()
        self._take(self._ask("/live/poll", OPEN_SECONDS, wait="1"))

    def read(self) -> Frame:
        """Give what was told, else ask once more."""
        if not self._told:
            self._ends.close()
            self._take(self._ask("/live/poll", POLL_SECONDS + 10, wait=str(POLL_SECONDS), after=self._position))
        return self._told.popleft()

    def _take(self, answer: http.client.HTTPResponse) -> None:
        try:
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            raise Lost from None
        self._position = str(told["position"])
        self._told.extend([{"type": "pong"}, *told["frames"]])


WAYS: dict[str, type[Way]] = {"socket": Socket, "events": Events, "poll": Poll}


class Line:
    """One line for many topics. Iterate in one thread; follow, unfollow, shown and close may be called from any."""

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        ticket: Callable[[], str] | None = None,
        ways: Sequence[str] = tuple(WAYS),
        climbs: Sequence[float] = CLIMBS,
    ) -> None:
        """`url`: the origin. `key`: an API key; or `ticket`: gives a fresh single-use ticket for each connection."""
        parts = urlsplit(url)
        self.is_secure = parts.scheme == "https"
        self.host, self.port = parts.hostname or "", parts.port or (443 if self.is_secure else 80)
        self.headers = {"X-Api-Key": key} if key else {}
        self.ticket = ticket
        self.versions: dict[str, int] = {}  # topic → version that the program has; 0 when the topic has none
        self.states: dict[str, Frame] = {}  # topic → its whole state
        self.by = ""  # the way that is open
        self._ways, self._climbs = list(ways), list(climbs)
        self._rung = self._failed = self._tries = self._climbed = 0
        self._proven: set[int] = set()
        self._way: Way | None = None
        self._climb_at = 0.0
        self._heard_at = float("-inf")
        self._closed = threading.Event()
        self._turn = threading.Lock()  # for versions and states

    @property
    def silent_seconds(self) -> float:
        """How long the server has said nothing; while a line is open it speaks at least each 20 s."""
        return time.monotonic() - self._heard_at

    def follow(self, topic: str, version: int = 0) -> None:
        """Begin with this topic, after the version that the program has already."""
        with self._turn:
            self.versions[topic] = version
        if way := self._way:
            way.ask(topic)

    def unfollow(self, topic: str) -> None:
        """Let it go."""
        with self._turn:
            self.versions.pop(topic, None)
            self.states.pop(topic, None)
        if way := self._way:
            way.drop(topic)
            if not self.is_wanted:
                way.close()

    def shown(self, position: int) -> None:
        """Say that everything up to this position has been taken in, so that delays are measured to the end."""
        if way := self._way:
            way.shown(position)

    def close(self) -> None:
        """End the loop."""
        self._closed.set()
        if way := self._way:
            way.close()

    def __iter__(self) -> Iterator[Frame]:
        """Give each frame that is news, for as long as there is a topic to follow."""
        try:
            while self.is_wanted:
                try:
                    way = self._way or self._carry(self._open(self._rung))
                    way = self._climb() or way
                    for topic in self.versions.keys() - way.asked:
                        way.ask(topic)  # it was added while this was opened
                    yield from self._take(way.read())
                except Lost as lost:
                    yield from self._fell(lost.code)
        finally:
            self._drop()

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self.versions) and not self._closed.is_set()

    def _open(self, rung: int) -> Way:
        way = WAYS[self._ways[rung]](self)
        try:
            way.open()
        except BaseException:
            way.free()
            raise
        self._rung, self._failed = rung, 0
        self._proven.add(rung)
        self._heard_at = time.monotonic()
        return way

    def _carry(self, way: Way) -> Way:
        self._drop()
        self._way, self.by = way, self._ways[self._rung]
        if self._rung:
            wait = self._climbs[min(self._climbed, len(self._climbs) - 1)]
            self._climb_at = time.monotonic() + wait * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        else:
            self._climbed = 0
        return way

    def _drop(self) -> None:
        old, self._way, self.by = self._way, None, ""
        if old:
            old.free()

    def _climb(self) -> Way | None:
        """From a lower way, try those above it when it is time."""
        if not self._rung or time.monotonic() < self._climb_at:
            return None
        self._climbed += 1
        for rung in range(self._rung):
            with contextlib.suppress(Lost):
                return self._carry(self._open(rung))
        self._climb_at = time.monotonic() + self._climbs[min(self._climbed, len(self._climbs) - 1)]
        return None

    def _fell(self, code: int) -> Iterator[Frame]:
        """Choose the way to try next, and wait a random time, or all come back at once."""
        was = self._way
        self._drop()
        if (was and was.is_stale) or self._closed.is_set():
            return
        if code == SIGN_IN:
            raise Refused("this key or ticket is not valid, or not any more")
        if code == FORBIDDEN:
            yield from [{"type": "error", "code": "not_found", "topic": topic} for topic in self.versions]
            self.versions.clear()
            return
        self._failed += was is None
        if self._failed >= (FAILURES_OF_PROVEN if self._rung in self._proven else FAILURES):
            self._failed, self._rung = 0, (self._rung + 1) % len(self._ways)
        most = LONGEST_WAIT if code == TOO_MANY else min(LONGEST_WAIT, FIRST_WAIT * 2**self._tries)
        self._tries += 1
        self._closed.wait(most * random.uniform(0.25, 1))  # noqa: S311 - no secret

    def _take(self, frame: Frame) -> Iterator[Frame]:
        self._heard_at = time.monotonic()
        kind, topic = frame["type"], frame.get("topic", "")
        if kind == "reconnect":
            self._closed.wait(random.random() * frame["within_ms"] / 1000)  # noqa: S311 - no secret
            raise Lost
        with self._turn:
            if topic not in self.versions or kind == "resync":
                return
            self._tries = 0
            if kind == "error":
                del self.versions[topic]
            elif not self._is_news(frame, topic):
                return
        yield frame

    def _is_news(self, frame: Frame, topic: str) -> bool:
        """Move on to a frame, unless it is an old one, or one before it is missing: that one is asked for."""
        is_state, is_own = frame["type"] == "snapshot", frame.get("stream") == topic
        version, has = (frame["version"] if is_state or is_own else 0), self.versions[topic]
        if version and has and version > has + 1 and not is_state:
            if self._way:
                self._way.ask(topic)
            return False
        if version and version <= has:
            return False
        self.versions[topic] = max(version, has)
        if is_state or is_own:
            self.states[topic] = {**({} if is_state else self.states.get(topic, {})), **frame["data"]}
        return True


def _ack(position: int) -> str:
    return json.dumps({"type": "ack", "position": position, "shown_at": datetime.now(UTC).isoformat()})
