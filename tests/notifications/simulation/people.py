"""Somebody who looks at a screen: follows topics by socket, event stream or poll, loses the line, comes back.

It is what line.js is, by the same rules: a version is shown once and only forward, a gap is asked for, the cursor of
an event stream or poll goes with it to the next line. Here everything that it is sent is checked.
"""

import asyncio
import contextlib
import json
from types import SimpleNamespace

from notifications.live.events import Events
from notifications.live.poll import Poll
from notifications.live.websocket import WebSocket

WAYS = ("socket", "events", "poll")


class Screen:
    """One screen with its topics. `broken` gathers what must never be seen."""

    notices_gaps = True

    def __init__(self, number, topics, chance, broken):
        self.number, self.chance, self.broken = number, chance, broken
        self.is_steady = number % 2 == 0
        self.breaks = 0.0  # share of messages behind which the line is cut
        self.topics = {topic: SimpleNamespace(version=0, state={}, asks=False) for topic in topics}
        self.cursor = None  # a position up to which everything was shown
        self.line = None
        self.hub = None
        self.gaps = 0

    # ── lines ────────────────────────────────────────────────────────────────────────────────────
    def connect(self, hub, way):
        """Open a line; `hub` serves it."""
        self.hang_up()
        self.hub = hub
        self.last = dict.fromkeys(self.topics, 0)  # topic → position of the newest frame of this line
        for known in self.topics.values():
            known.asks = False
        doors = {"socket": self._socket, "events": self._events, "poll": self._polls}
        self.line = SimpleNamespace(way=way, is_over=False, said=asyncio.Queue(), free=asyncio.Event(), task=None)
        self.line.free.set()
        self.line.task = asyncio.get_running_loop().create_task(doors[way](self.line))

    def hang_up(self):
        """Lose the line."""
        if self.line is not None:
            line, self.line = self.line, None
            line.is_over = True
            line.free.set()
            line.said.put_nowait({"type": f"{'websocket' if line.way == 'socket' else 'http'}.disconnect"})

    @property
    def is_down(self):
        return self.line is None or self.line.task.done()

    def _scope(self, **more):
        caller = {"client": (f"10.0.0.{self.number}", 1), "cookies": {"sessionid": str(self.number)}, "headers": []}
        return caller | {"query_string": b"", "subprotocols": ["lockstep.v1"]} | more

    def _named(self, *, cursor):
        names = [f"{topic}@{known.version}" if known.version and not cursor else topic
                 for topic, known in self.topics.items()]  # fmt: skip
        return "&".join(f"topic={name}" for name in names)

    def _send(self, line, take):
        async def send(message):
            if line.is_over:
                raise ConnectionError("gone")
            if not line.free.is_set():
                await line.free.wait()
            if not line.is_over:
                take(message)
                if line is self.line and self.chance.random() < self.breaks:
                    self.hang_up()

        return send

    async def _socket(self, line):
        line.said.put_nowait({"type": "websocket.connect"})
        for topic, known in self.topics.items():
            self._subscribe(line, topic, known.version)

        def take(message):
            if message["type"] == "websocket.send":
                self.take(json.loads(message["text"]), line)
            elif message["type"] == "websocket.close":
                line.is_over = True

        await WebSocket(self.hub)(self._scope(), line.said.get, self._send(line, take))

    def _subscribe(self, line, topic, version):
        after = {"version": version} if version else None
        if self.cursor is not None and self.chance.random() < 0.3:
            after = {"position": self.cursor}
        said = json.dumps({"type": "subscribe", "topic": topic, "after": after})
        line.said.put_nowait({"type": "websocket.receive", "text": said})

    async def _events(self, line):
        resumes = self.cursor is not None and self.chance.random() < 0.7  # by Last-Event-ID, as a browser does
        heads = [(b"last-event-id", str(self.cursor).encode())] if resumes else []
        rest = {"text": ""}

        def take(message):
            rest["text"] += message.get("body", b"").decode()
            while "\n\n" in rest["text"]:
                event, _, rest["text"] = rest["text"].partition("\n\n")
                self._take_event(event, line)

        scope = self._scope(headers=heads, query_string=self._named(cursor=resumes).encode())
        await Events(self.hub)(scope, line.said.get, self._send(line, take))

    def _take_event(self, event, line):
        mark = None
        for field in event.split("\n"):
            name, _, value = field.partition(": ")
            if name == "id":
                mark = int(value)
            elif name == "data":
                self.take(json.loads(value), line)
        if mark is not None and not line.is_over:
            self.cursor = max(mark, self.cursor or 0)

    async def _polls(self, line):
        """One question after the other; an answer may get lost on the way."""
        cursor = self.cursor if self.cursor is not None and self.chance.random() < 0.7 else None
        while not line.is_over:
            after = f"&after={cursor}" if cursor is not None else ""
            answer = []
            scope = self._scope(query_string=f"{self._named(cursor=cursor is not None)}{after}&wait=1".encode())
            with contextlib.suppress(ConnectionError):
                await Poll(self.hub)(scope, line.said.get, self._send(line, answer.append))
            await asyncio.sleep(0.03)
            if line.is_over or len(answer) < 2 or answer[0]["status"] != 200:
                await asyncio.sleep(0.2)
                continue
            told = json.loads(answer[1]["body"])
            for frame in told["frames"]:
                self.take(frame, line)
            if line.is_over:
                return
            cursor = self.cursor = max(told["position"], self.cursor or 0)
            self.last = dict.fromkeys(self.topics, 0)
        line.is_over = True

    # ── what is sent ─────────────────────────────────────────────────────────────────────────────
    def take(self, frame, line):
        """Show a frame, or ask for what is missing before it."""
        known = self.topics.get(frame.get("topic"))
        if known is None or line.is_over or frame["type"] == "resync":
            return
        if frame["type"] == "error":
            self.broken.append(f"screen {self.number}: {frame}")
            return
        topic, is_state = frame["topic"], frame["type"] == "snapshot"
        if is_state:
            self._check(frame["version"] >= known.version, f"{topic} went back to {frame['version']}")
        elif not known.asks:
            self._check(frame["position"] > self.last[topic], f"{topic}: position {frame['position']} twice or late")
        self.last[topic] = max(self.last[topic], frame["position"])
        version = frame["version"] if is_state or frame["stream"] == topic else 0
        if not is_state and version and known.version and version > known.version + 1:
            self.gaps += 1
            if self.notices_gaps:
                if not known.asks:
                    known.asks = True
                    self._ask_again(topic, known.version, line)
                return
        known.asks = False
        if not version or version > known.version or is_state:
            known.version = max(known.version, version)
            known.state = frame["data"] if is_state else known.state | frame["data"]

    def _ask_again(self, topic, version, line):
        if line.way == "socket":
            self.last[topic] = 0
            said = json.dumps({"type": "subscribe", "topic": topic, "after": {"version": version}})
            line.said.put_nowait({"type": "websocket.receive", "text": said})
        else:
            self.cursor = None
            self.hang_up()

    def _check(self, is_right, words):
        if not is_right:
            self.broken.append(f"screen {self.number}: {words}")
