"""What there is in a simulation: writers, two relays, a live process, screens; story.py says what happens to them.

What runs is the product's own: the sequencer's loop and its hold on PostgreSQL, the readers' loop, the hub with its
connections, subscriptions and transports. What they talk to is on paper (paper.py, asking.py, air.py).
"""

import asyncio
import contextlib
import random
from collections import Counter
from types import SimpleNamespace

from django.db import OperationalError

from notifications.live.hub import Hub
from notifications.live.person import Person
from notifications.live.topics import Topic
from notifications.log import readers, sequencer
from tests.notifications.simulation.air import Air
from tests.notifications.simulation.clockwork import Flag, Strand, pause
from tests.notifications.simulation.paper import DAY, Database

STREAMS = tuple(f"order/{name}" for name in "abcdef")
SHOPS = ("shop/x", "shop/y")


class InOrder(dict):
    """A set that is gone through in the order in which it was filled, so that a seed tells the same in any process."""

    def add(self, one):
        self[one] = None

    def discard(self, one):
        self.pop(one, None)


class Relay:
    """One relay process: the sequencer's thread and the readers'."""

    def __init__(self, world):
        self.world = world
        self.is_frozen = False
        numbered = Flag()
        self.strands = [
            Strand(lambda: sequencer.run(Flag(), numbered), world.loop, self),
            Strand(lambda: readers.run(Flag(), {"ear": world.hear}, numbered), world.loop, self),
        ]

    def kill(self):
        """As kill -9 does: nothing more is done; PostgreSQL notices later."""
        database = self.world.database
        wires = [wire for wire in self.world.wires if wire.owner is self]
        dying = [wire.session for wire in wires] + [strand.session for strand in self.strands if strand.session]
        database.locks = {key: holder for key, holder in database.locks.items() if holder not in dying}
        self.world.dying += dying
        for strand in self.strands:
            with contextlib.suppress(OperationalError):
                strand.end()


class World:
    """Everything there is in one simulation."""

    def __init__(self, seed, loop):
        self.chance = random.Random(seed)
        self.loop = loop
        self.database = Database(loop, self.chance)
        self.air = Air(self.chance)
        self.broken = []
        self.story = Counter()  # what happened, and how often
        self.wires, self.dying = [], []
        self.versions = dict.fromkeys(STREAMS, 0)  # of each stream, as its locked row says
        self.open = {}  # stream → the events of a transaction that is not over
        self.heard = []  # (stream, version), each time the reader's handler ran to its end
        self.failing = {}  # position → how often its handler still fails
        self.relays = []
        self.nobody = SimpleNamespace(is_frozen=False)
        for stream in STREAMS:
            self.database.ids += 1
            self.open[stream] = [self._event(self.database.ids, stream, 1)]
            self.commit(stream)

    # ── those who write ──────────────────────────────────────────────────────────────────────────
    def write(self):
        """Somebody takes a step: begins, goes on, commits, gives up."""
        stream = self.chance.choice(STREAMS)
        rows = self.open.setdefault(stream, [])
        if len(rows) < 3 and self.chance.random() < 0.6:
            self.database.ids += 1
            version = self.versions[stream] + len(rows) + 1
            rows.append(self._event(self.database.ids, stream, version))
        elif self.chance.random() < 0.75:
            self.commit(stream)
        else:
            del self.open[stream]

    def commit(self, stream):
        """What is open becomes true."""
        rows = self.open.pop(stream, [])
        if rows and not self.database.is_down:
            self.database.events.extend(rows)
            self.versions[stream] += len(rows)
            self.air.hint()

    def say_one_thing_more(self):
        """Finish what is open, then one event more: a frame lost in silence is noticed by the next one, anywhere."""
        for stream in STREAMS:
            self.commit(stream)
        stream = self.chance.choice(STREAMS)
        self.database.ids += 1
        self.open[stream] = [self._event(self.database.ids, stream, self.versions[stream] + 1)]
        self.commit(stream)

    def _event(self, number, stream, version):
        shop = SHOPS[STREAMS.index(stream) % 2]
        only = {"merchant": {"m": version}} if self.chance.random() < 0.3 else {}
        data = {f"{stream} {version % 9}": version}
        return SimpleNamespace(
            id=number, position=None, stream=stream, version=version, type="thing.happened", data=data, only=only,
            topics=(shop,), at=DAY, actor="system", account="", traceparent="",
        )  # fmt: skip

    # ── those who read ───────────────────────────────────────────────────────────────────────────
    def hear(self, event):
        """The reader's handler: fails now and then, stops in the middle, and keeps what it heard with its progress."""
        pause()
        if event.position not in self.failing:
            self.failing[event.position] = self.chance.choice([1, 2]) if self.air.luck(0.06) else 0
        if self.failing[event.position]:
            self.failing[event.position] -= 1
            raise ValueError("not today")
        session = self.database.session()
        self.database.write(session, lambda: self.heard.append((event.stream, event.version)))

    def order_now(self, ref, role):
        """An order's snapshot: everything that is committed, numbered or not."""
        del role
        self.database.statement()
        return self.truth(f"order/{ref}")

    def shop_now(self, ref, role):
        """A shop's snapshot."""
        del role
        self.database.statement()
        return self.truth(f"shop/{ref}")

    def truth(self, topic):
        """(version, state) of a topic by the rows."""
        rows = [row for row in self.database.events if topic in (row.stream, *row.topics)]
        state = {}
        for row in sorted(rows, key=lambda row: (row.stream, row.version)):
            state |= row.data
        return (rows[-1].version if topic in STREAMS else 0), state

    # ── the live process ─────────────────────────────────────────────────────────────────────────
    async def run(self, read):
        """In place of the hub's threads: the read stops between its statements, and the world goes on."""
        if self.air.luck(0.3):
            await asyncio.sleep(self.chance.choice([0.0, 0.02, 0.3]))
        answer = []

        def work():
            try:
                answer.append((read(), None))
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                answer.append((None, error))

        strand = Strand(work, self.loop, self.nobody)
        try:
            while not strand.dead:
                strand.go_on()
                await asyncio.sleep(0.01 if self.air.luck(0.2) else 0)
        finally:
            strand.end()  # whoever asked has gone
        found, error = answer[0]
        if error is not None:
            raise error
        return found

    async def new_live(self):
        """The live process (re)starts."""
        topics = {"order": Topic(lambda *_: "customer", self.order_now, replay=True)}
        topics["shop"] = Topic(lambda *_: "customer", self.shop_now)
        self.hub = Hub(topics, {"session": lambda key: Person(int(key), f"usr_{key}")})
        self.hub.connections = InOrder()
        await self.hub.start()

    async def live_dies(self):
        """kill -9 of it: every line is gone."""
        for screen in self.screens:
            screen.hang_up()
        await asyncio.sleep(0)
        await self.hub.stop()
        await self.new_live()

    async def stop(self):
        """End what still runs, so that nothing is left behind."""
        lines = [screen.line.task for screen in self.screens if screen.line is not None]
        for screen in self.screens:
            screen.hang_up()
        for task in lines:
            task.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
        await self.hub.stop()
        for relay in self.relays:
            relay.kill()
