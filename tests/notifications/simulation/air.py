"""Redis on paper: what is published reaches whoever listens now, late, twice, in part or not at all.

Outlet and Feed stand where the product has RedisOutlet and Feed.
"""

import asyncio

from notifications.log.sequencer import Lost
from tests.notifications.simulation.clockwork import pause, wait


class Line:
    """One subscriber's connection: what was sent to it and not read yet."""

    def __init__(self):
        self.buffer = []
        self.heard = False  # a loss in silence before the first frame is one that nobody could notice
        self.news = asyncio.Event()
        self.lost = False


class Air:
    """One Redis. `is_calm`: nothing goes wrong any more."""

    def __init__(self, chance):
        self.chance = chance
        self.is_up, self.is_calm = True, False
        self.lines = []
        self.hearers = []  # relays' hints
        self.swallows = 0  # messages that get lost without a word

    def luck(self, share):
        return not self.is_calm and self.chance.random() < share

    def restart(self):
        """Redis dies: every connection is lost, with what was on its way."""
        self.is_up = False
        for line in self.lines:
            line.lost = True
            line.news.set()
        self.lines = []

    def publish(self, message):
        for line in self.lines:
            if self.swallows and line.heard:
                self.swallows -= 1
            else:
                line.buffer.append(message)
                line.heard = True
                line.news.set()

    def hint(self):
        if self.is_up:
            for hints in self.hearers:
                hints.strand.due = 0.0


class Outlet:
    """A relay's way to Redis: it may be killed or frozen before, within and behind a batch."""

    def __init__(self, air):
        self.air = air

    def publish(self, messages):
        pause()
        if self.air.luck(0.08):
            raise Lost("this relay does not get through, though others do")
        for _again in range(2 if self.air.luck(0.05) else 1):  # a client that got no answer sends everything again
            for _shard, message in messages:
                if self.air.luck(0.03):
                    pause()
                if not self.air.is_up:
                    raise Lost("the connection is closed")
                if self.air.luck(0.04):
                    self.air.swallows = self.air.chance.randrange(1, 4)
                self.air.publish(message)
        pause()
        if self.air.luck(0.1):
            raise Lost("no answer")  # though everything may have arrived


class Hints:
    """What wakes a relay."""

    def __init__(self, air, strand):
        self.air, self.strand = air, strand
        air.hearers.append(self)

    def wait(self, seconds=1.0):
        wait(seconds)


class Feed:
    """A live process's subscription."""

    def __init__(self, air, handed, ready):
        self.air, self.handed, self.ready = air, handed, ready

    async def run(self):
        while True:
            while not self.air.is_up:  # noqa: ASYNC110 - as the product does, by pauses
                await asyncio.sleep(0.1)
            line = Line()
            self.air.lines.append(line)
            self.ready()
            try:
                await self.listen(line)
            finally:
                if line in self.air.lines:
                    self.air.lines.remove(line)
            await asyncio.sleep(0.1)

    async def listen(self, line):
        while True:
            await line.news.wait()
            line.news.clear()
            if self.air.luck(0.3):
                await asyncio.sleep(self.air.chance.choice([0.0, 0.01, 0.1]))
            if line.lost:
                return
            waiting, line.buffer = line.buffer, []
            for message in waiting:
                self.handed(message)

    def pause(self):
        """The hub reads on soon enough here."""

    def resume(self):
        """As above."""
