"""People with screens during a drill: sockets, an event stream, a long poll, over real connections, with real keys.

They run in a thread of their own and keep everything that they are sent; history.py looks through it afterwards.
"""

import asyncio
import json
import random
import threading
from contextlib import suppress

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

AWAY = (OSError, WebSocketException, TimeoutError, httpx.HTTPError)
PAUSE = 0.05, 0.3  # seconds before coming back


class Follower:
    """One screen. `heard`: (line, topic, type, version, position) of each frame; `shown`: topic → [version, state]."""

    def __init__(self, name, way, key, topics, seed, *, is_steady=False):
        self.name, self.way, self.key = name, way, key
        self.topics = topics
        self.is_steady = is_steady  # keeps its line for as long as it holds
        self.chance = random.Random(seed)
        self.heard = []
        self.shown = {topic: [0, {}] for topic in topics}
        self.cursor = None
        self.lines = 0
        self.gaps = 0
        self.refusals = []

    def take(self, frame):
        """Show a frame as line.js does; False: something is missing before it."""
        topic = frame.get("topic")
        if frame["type"] == "error":
            self.refusals.append(frame)
        if topic not in self.shown or frame["type"] in {"error", "resync"}:
            return True
        is_state = frame["type"] == "snapshot"
        version = frame["version"] if is_state or frame["stream"] == topic else 0
        known = self.shown[topic]
        if not is_state and version and known[0] and version > known[0] + 1:
            self.gaps += 1
            return False
        self.heard.append((self.lines, topic, frame["type"], version, frame["position"]))
        if is_state:
            known[:] = [max(known[0], version), frame["data"]]
        elif not version:
            known[1].setdefault("orders", {})[frame["stream"].partition("/")[2]] = {"version": frame["version"]}
        elif version > known[0]:
            known[:] = [version, known[1] | frame["data"]]
        return True


class Crowd:
    """All followers, in one thread with one loop. Leave it with `stop`."""

    def __init__(self, port, followers):
        self.address = f"127.0.0.1:{port}"
        self.followers = followers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        ways = {"socket": self._socket, "events": self._events, "poll": self._poll}
        work = [self._for_ever(ways[follower.way], follower) for follower in self.followers]
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(asyncio.gather(*work))

    def stop(self):
        """Everybody leaves."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])
        self._thread.join(timeout=10)

    async def _for_ever(self, way, follower):
        while True:
            follower.lines += 1
            with suppress(*AWAY):
                stays = None if follower.is_steady else follower.chance.uniform(2, 12)
                async with asyncio.timeout(stays):  # then it drops its line by itself
                    await way(follower)
            await asyncio.sleep(follower.chance.uniform(*PAUSE))

    async def _socket(self, follower):
        heads = {"X-Api-Key": follower.key}
        address = f"ws://{self.address}/live/ws"
        async with connect(
            address, subprotocols=["lockstep.v1"], additional_headers=heads, compression=None, proxy=None
        ) as socket:
            for topic in follower.topics:
                await self._ask(socket, follower, topic)
            async for text in socket:
                frame = json.loads(text)
                if not follower.take(frame):
                    await self._ask(socket, follower, frame["topic"])

    async def _ask(self, socket, follower, topic):
        version = follower.shown[topic][0]
        after = {"version": version} if version else None
        await socket.send(json.dumps({"type": "subscribe", "topic": topic, "after": after}))

    async def _events(self, follower):
        heads = {"X-Api-Key": follower.key} | ({"Last-Event-ID": follower.cursor} if follower.cursor else {})
        asked = [("topic", topic) for topic in follower.topics]
        async with (
            httpx.AsyncClient(base_url=f"http://{self.address}", trust_env=False, timeout=30) as http,
            http.stream("GET", "/live/sse", params=asked, headers=heads) as answer,
        ):
            mark = None
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    mark = line[4:]
                elif line.startswith("data: ") and not follower.take(json.loads(line[6:])):
                    follower.cursor = None
                    return
                elif not line and mark is not None:
                    follower.cursor, mark = mark, None

    async def _poll(self, follower):
        heads = {"X-Api-Key": follower.key}
        async with httpx.AsyncClient(base_url=f"http://{self.address}", trust_env=False, timeout=30) as http:
            while True:
                asked = [("topic", topic) for topic in follower.topics] + [("wait", "2")]
                asked += [("after", follower.cursor)] if follower.cursor else []
                answer = await http.get("/live/poll", params=asked, headers=heads)
                if answer.status_code != 200:
                    return
                told = answer.json()
                follower.lines += 1
                taken = [follower.take(frame) for frame in told["frames"]]
                if not all(taken):
                    follower.cursor = None
                    return
                follower.cursor = str(told["position"])
                await asyncio.sleep(0.05)
