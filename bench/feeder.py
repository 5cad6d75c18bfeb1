"""The other end of the wire: sends the events that the watchers wait for, in one of several ways, in its own process.

Standard input: one Feed as JSON, then Phases, one a line; each is answered with how many messages the sockets should
get of it. A phase sends whole rounds, one event for each of its topics: at a rate (each event at its own moment,
whatever becomes of the others) or as fast as they are taken, never more than `window` messages on their way.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import django
import uvloop

django.setup()

# what follows reads models and settings, so Django had to be set up first
from bench import ways  # noqa: E402
from bench.feeding import DATA, Feed, Phase  # noqa: E402
from bench.tally import Tally  # noqa: E402
from notifications.log import frames  # noqa: E402
from notifications.log.models import Leadership  # noqa: E402

STUCK = 0.3  # seconds without an arrival after which what is on its way counts as lost


class Rounds:
    """Makes the events and keeps the pace."""

    def __init__(self, feed: Feed, send: ways.Send) -> None:
        self.feed = feed
        self.tally = Tally(feed.tally)
        self.send = send
        self.versions = dict.fromkeys(feed.topics, 1)
        self.position = 0

    async def run(self, phase: Phase) -> int:
        """Send one phase; returns how many messages the sockets should get of it."""
        topics = phase.only or self.feed.topics
        self.tally.begin()
        rounds = await (self._paced if phase.rate else self._flood)(phase, topics)
        sent = rounds * len(topics) * self.feed.each
        self.tally.begin(sent)
        return sent

    async def _paced(self, phase: Phase, topics: list[str]) -> int:
        rounds = max(1, round(phase.rate * phase.seconds / len(topics)))
        wanted, done, began = rounds * len(topics), 0, self.tally.read()[2]
        while done < wanted:
            due = min(wanted, int((time.monotonic() - began) * phase.rate) + 1)
            if due <= done:
                await asyncio.sleep(max(0.0, began + done / phase.rate - time.monotonic()))
                continue
            await self.send([self._next(topics[number % len(topics)], phase.pad) for number in range(done, due)])
            done = due
        return rounds

    async def _flood(self, phase: Phase, topics: list[str]) -> int:
        rounds, given_up, had, since = 0, 0, -1, 0.0
        until = time.monotonic() + phase.seconds
        while (now := time.monotonic()) < until:
            came = self.tally.read()[0]
            if came != had:
                had, since = came, now
            on_the_way = rounds * len(topics) * self.feed.each - came - given_up
            if on_the_way <= phase.window:
                await self.send([self._next(topic, phase.pad) for topic in topics])
                rounds += 1
            elif now - since > STUCK:
                given_up += on_the_way
            else:
                await asyncio.sleep(0.0005)
        return rounds

    def _next(self, topic: str, pad: int) -> frames.Numbered:
        self.versions[topic] += 1
        self.position += 1
        data = DATA | {"pad": "x" * pad} if pad else DATA
        at = datetime.now(UTC)
        return frames.Numbered(self.position, topic, self.versions[topic], "order.confirmed", data, {}, (), at)


Way = Callable[[Any], AbstractAsyncContextManager[ways.Send]]
WAYS: dict[str, Way] = {
    "hub": ways.hub, "pubsub": ways.pubsub, "default": ways.default, "nchan": ways.nchan, "socketio": ways.socketio,
    "bare": ways.bare,
}  # fmt: skip


async def work(feed: Feed) -> None:
    """Do one phase after the other."""
    loop = asyncio.get_running_loop()
    epoch = await loop.run_in_executor(None, lambda: Leadership.objects.values_list("epoch", flat=True).first())
    async with WAYS[feed.way](ways.Place(feed.port, feed.redis_url, epoch or 0)) as send:
        rounds = Rounds(feed, send)
        print("feeding", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps({"sent": await rounds.run(Phase(**json.loads(line)))}), flush=True)


if __name__ == "__main__":
    uvloop.run(work(Feed(**json.loads(sys.stdin.readline()))))
