"""The watchers: many connections held by one process, which checks that every version comes once and in order.

Standard input: one Watch as JSON, then commands, one a line. It says "some" when the first few follow and goes on at
the next line (in between their server's memory is read), "ready" when all do. `{"do": "count"}` counts what comes into
a shared file (so that the feeder never runs far ahead) and gives one Seen as JSON when the total that stands in that
file has come, or nothing came for SILENCE seconds. `{"do": "cut"}` drops every connection, `{"do": "again"}` opens
them all at once. It speaks only as much of each protocol as it must: it shares two cores with what it measures.
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import uvloop

from bench.dialects import DIALECTS, Watcher
from bench.tally import Moments, Tally

SILENCE = 4.0  # seconds
AT_ONCE = 100  # handshakes


@dataclass
class Watch:
    """`topics` are followed by `each` sockets; `{topic}` in `path` is replaced; `dialect` is one of DIALECTS."""

    port: int
    path: str
    topics: list[str]
    each: int
    tally: str
    dialect: str
    headers: str = ""
    some: int = 0


@dataclass
class Seen:
    """What came: `lost` never came, `inverted` came twice or late, `seconds` from first send to last arrival."""

    received: int = 0
    lost: int = 0
    inverted: int = 0
    resyncs: int = 0
    seconds: float = 0.0
    client_us: float = 0.0  # our CPU for each message

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.received / self.seconds if self.seconds else 0.0


class Crowd:
    """All the sockets of one watch."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.tally = Tally(watch.tally)
        self.watchers: list[Watcher] = []
        self.count = self.inverted = self.following = self.resyncs = 0
        self.base = 0  # version of every topic before what is counted
        self.moments: Moments | None = None
        self.enough = asyncio.Event()
        self.wanted = 0

    def heard(self, watcher: Watcher, version: int) -> None:
        """One message came."""
        self.count += 1
        if self.count % 50 == 0:
            self.tally.received(self.count)
        if self.moments:
            number = (version - self.base - 1) * len(self.watch.topics) + watcher.place
            self.moments.note(number * self.watch.each + watcher.member, time.monotonic())

    def follow(self) -> None:
        """One more socket follows its topic."""
        self.following += 1
        if self.following == self.wanted:
            self.enough.set()

    def fail(self, why: str) -> None:
        """End at once, with the reason on standard error."""
        print(why, file=sys.stderr, flush=True)
        os._exit(1)

    async def run(self) -> None:
        """Connect, then do as told."""
        made = DIALECTS[self.watch.dialect]
        self.watchers = [
            made(self, topic, place, member)
            for place, topic in enumerate(self.watch.topics)
            for member in range(self.watch.each)
        ]
        some = self.watch.some
        if some:
            await self._connect(self.watchers[:some])
            print("some", flush=True)
            await _line()
        await self._connect(self.watchers[some:])
        print("ready", flush=True)
        while line := await _line():
            command = json.loads(line)
            if command["do"] == "count":
                print(json.dumps(asdict(await self._counted(command))), flush=True)
            elif command["do"] == "cut":
                self.following = 0
                for watcher in self.watchers:
                    watcher.cut()
                print("cut", flush=True)
            else:
                await self._connect(self.watchers, at_once=len(self.watchers))
                behind = sum(watcher.version < command["version"] for watcher in self.watchers)
                print(json.dumps({"behind": behind}), flush=True)

    async def _connect(self, watchers: list[Watcher], at_once: int = AT_ONCE) -> None:
        loop = asyncio.get_running_loop()
        self.wanted = self.following + len(watchers)
        self.enough.clear()
        for start in range(0, len(watchers), at_once):
            part = watchers[start : start + at_once]
            made = [loop.create_connection(lambda watcher=one: watcher, "127.0.0.1", self.watch.port) for one in part]
            await asyncio.gather(*made)
        await asyncio.wait_for(self.enough.wait(), 120)

    async def _counted(self, command: dict[str, Any]) -> Seen:
        self.base = command["base"]
        self.moments = Moments(command["moments"]) if command["moments"] else None
        self.count = self.inverted = 0
        for watcher in self.watchers:
            watcher.count, watcher.version = 0, self.base
        print("counting", flush=True)
        busy = time.process_time()
        last = await self._until_quiet()
        _, total, began = self.tally.read()
        seen = Seen(self.count, inverted=self.inverted, resyncs=self.resyncs, seconds=last - began)
        each = total // len(self.watchers)
        seen.lost = sum(max(0, each - watcher.count) for watcher in self.watchers)
        seen.client_us = (time.process_time() - busy) * 1e6 / max(1, self.count)
        return seen

    async def _until_quiet(self) -> float:
        """Count until everything came, or nothing more comes of what was sent; returns when the last one came."""
        had, last, since = 0, time.monotonic(), time.monotonic()
        while time.monotonic() - since < SILENCE:
            await asyncio.sleep(0.005)
            _, total, _ = self.tally.read()
            if self.count != had:
                had, last = self.count, time.monotonic()
                self.tally.received(self.count)
            if total and self.count >= total:
                break
            since = max(since, last) if total else time.monotonic()
        return last


async def _line() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    uvloop.run(Crowd(Watch(**json.loads(sys.stdin.readline()))).run())
