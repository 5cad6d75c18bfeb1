"""What happens in a simulation, by the seed: everything that can go wrong does, then there is calm, then the verdict.

`play(seed)` gives back the World; `world.broken` says what must never have been seen. test_simulation.py calls it.
"""

import asyncio
import logging
from contextlib import ExitStack
from types import SimpleNamespace
from unittest import mock

from greenlet import getcurrent

from notifications.live import connection, hub, reading, rights, shares, subscription, websocket
from notifications.log import leadership, readers, sequencer
from tests.notifications.simulation.air import Feed, Hints, Outlet
from tests.notifications.simulation.asking import model
from tests.notifications.simulation.clockwork import Loop, wait
from tests.notifications.simulation.paper import DAY, Wire
from tests.notifications.simulation.people import WAYS, Screen
from tests.notifications.simulation.world import SHOPS, STREAMS, Relay, World

ACTS, STEPS = 4, 90  # each act ends with a calm and a verdict
RELAYS = 2
SCREENS = 4  # every other one keeps its line for as long as it holds
BREAKS = 0.04  # share of messages behind which a line is cut
CALM_SECONDS = 40.0
PARKED = {"tries": 0, "error": "", "resolved_at": None, "next_try_at": DAY}


def play(seed):
    """Run one simulation to its verdict."""
    loop = Loop()
    world = World(seed, loop)
    logging.disable(logging.CRITICAL)
    try:
        with ExitStack() as seams:
            for where, name, stand_in in _seams(world):
                seams.enter_context(mock.patch.object(where, name, stand_in))
            loop.run_until_complete(_day(world))
    finally:
        logging.disable(logging.NOTSET)
        loop.close()
    return world


def _seams(world):
    """Where the product meets the outside: what stands there instead."""
    database, air = world.database, world.air
    event = model(database, "event")
    time = SimpleNamespace(monotonic=world.loop.time, sleep=wait)
    django_connection = SimpleNamespace(close=database.close, is_usable=database.is_usable)

    def wire(**_options):
        made = Wire(database)
        world.wires.append(made)
        return made

    return [
        (leadership, "postgres_connection", wire),
        (leadership, "set_json_loads", lambda *_: None),
        *((module, "time", time) for module in (leadership, readers, hub, shares, rights, websocket)),
        (sequencer, "RedisOutlet", lambda: Outlet(air)),
        (sequencer, "Hints", lambda: Hints(air, getcurrent())),
        (readers, "Event", event),
        (readers, "open_reader_session", lambda: None),
        (readers, "ReaderCursor", model(database, "cursor", position=0)),
        (readers, "ParkedEvent", model(database, "parked", **PARKED)),
        (readers, "transaction", SimpleNamespace(atomic=database.atomic)),
        (readers, "connection", django_connection),
        (readers, "clock", SimpleNamespace(now=database.now)),
        (hub, "TURN", 1),
        (connection, "QUEUE", 3),
        (subscription, "KEEP", 3),
        (reading, "NEAR", 6),
        (hub, "Event", event),
        (hub, "Leadership", model(database, "leadership")),
        (hub, "Feed", lambda _url, _channels, handed, ready: Feed(air, handed, ready)),
        (asyncio, "to_thread", _at_once),
        (hub, "Pool", lambda: SimpleNamespace(run=world.run, close=lambda: None)),
        (reading, "Event", event),
    ]


async def _at_once(work):
    work()


async def _day(world):
    world.screens = [Screen(n, STREAMS + SHOPS, world.chance, world.broken) for n in range(SCREENS)]
    world.relays = [Relay(world) for _ in range(RELAYS)]
    await world.new_live()
    director = Director(world)
    for _ in range(ACTS):
        director.storm()
        for _ in range(STEPS):
            await director.step()
        await director.calm()
        judge(world)
        if world.broken:
            break
    await world.stop()


class Director:
    """Decides by the dice what happens next."""

    def __init__(self, world):
        self.world, self.chance = world, world.chance
        self.acts = {
            self.go_on: 60,
            self.world.write: 40,
            self.rest: 12,
            self.kill_relay: 3,
            self.freeze_relay: 4,
            self.wake_relay: 3,
            self.bury: 8,
            self.hold_rows: 3,
            self.redis_restarts: 1,
            self.postgres_restarts: 1,
            self.screen_moves: 8,
            self.screen_stalls: 4,
            self.live_dies: 1,
        }

    async def step(self):
        """One thing happens, then the live process has a turn."""
        (act,) = self.chance.choices(list(self.acts), list(self.acts.values()))
        self.world.story[act.__name__] += 1
        done = act()
        if asyncio.iscoroutine(done):
            await done
        await asyncio.sleep(0)

    def go_on(self):
        """Some thread of some relay goes on, by up to a few steps."""
        ready = [strand for relay in self.world.relays for strand in relay.strands if strand.is_ready]
        if ready:
            strand = self.chance.choice(ready)
            for _ in range(self.chance.choice([1, 2, 5, 12])):
                if strand.is_ready:
                    strand.go_on()

    async def rest(self):
        """Time passes."""
        await asyncio.sleep(self.chance.choice([0.01, 0.1, 1.0, 3.0]))

    def kill_relay(self):
        """kill -9, wherever it is; another one is started."""
        relay = self.chance.choice(self.world.relays)
        relay.kill()
        self.world.relays[self.world.relays.index(relay)] = Relay(self.world)

    def freeze_relay(self):
        """SIGSTOP."""
        self.chance.choice(self.world.relays).is_frozen = True

    def wake_relay(self):
        """SIGCONT: it goes on where it stood, whatever happened meanwhile."""
        for relay in self.world.relays:
            relay.is_frozen = False

    def bury(self):
        """PostgreSQL notices that somebody is gone."""
        if self.world.dying:
            self.world.database.end(self.world.dying.pop())

    def hold_rows(self):
        """Somebody holds the row of an event for a moment."""
        held, pending = self.world.database.held, self.world.database.pending(3)
        held.clear()
        if pending:
            held.add(pending[0].id)
            self.world.loop.call_later(0.5, held.clear)

    def redis_restarts(self):
        """Everything in Redis is gone, and every connection to it."""
        self.world.air.restart()
        self.world.loop.call_later(self.chance.choice([0.05, 2.0]), setattr, self.world.air, "is_up", True)

    def postgres_restarts(self):
        """Every session ends; open transactions are gone, committed ones stay."""
        self.world.database.crash()
        self.world.open.clear()
        self.world.dying.clear()
        self.world.loop.call_later(self.chance.choice([0.05, 2.0]), setattr, self.world.database, "is_down", False)

    def screen_moves(self):
        """Somebody loses the line, or comes back by any way."""
        screen = self.chance.choice(self.world.screens)
        if screen.is_steady and not screen.is_down:
            return
        if screen.is_down or self.chance.random() < 0.3:
            screen.connect(self.world.hub, self.chance.choice(WAYS))
        else:
            screen.hang_up()

    def screen_stalls(self):
        """Somebody's network takes nothing for a while."""
        screen = self.chance.choice(self.world.screens)
        if screen.line is not None:
            line = screen.line
            line.free.clear()
            self.world.loop.call_later(self.chance.choice([0.1, 5.0]), line.free.set)

    async def live_dies(self):
        """kill -9 of the live process."""
        await self.world.live_dies()

    def storm(self):
        """From now on everything may fail."""
        self.world.air.is_calm = False
        for screen in self.world.screens:
            screen.breaks = 0.0 if screen.is_steady else BREAKS

    async def calm(self):
        """Nothing fails any more: everything is finished, everybody comes back and may catch up."""
        world = self.world
        world.air.is_calm, world.air.is_up, world.air.swallows = True, True, 0
        world.database.is_down = False
        world.database.held.clear()
        for screen in world.screens:
            screen.breaks = 0.0
        self.wake_relay()
        world.say_one_thing_more()
        while world.dying:
            self.bury()
        until = world.loop.time() + CALM_SECONDS
        while world.loop.time() < until and not (is_level(world) and world.loop.time() > until - CALM_SECONDS + 1):
            for screen in world.screens:
                if screen.is_down:
                    screen.connect(world.hub, self.chance.choice(WAYS))
                elif not screen.line.free.is_set():
                    screen.line.free.set()
            for strand in [strand for relay in world.relays for strand in relay.strands]:
                for _ in range(40):
                    if strand.is_ready:
                        strand.go_on()
            await asyncio.sleep(0.05)


def is_level(world):
    """Whether nothing is left to do."""
    events = world.database.events
    waits = any(row.resolved_at is None for row in world.database.tables["parked"])
    reached = [row.position for row in world.database.tables["cursor"]]
    numbered = all(row.position for row in events)
    return numbered and reached == [len(events)] and not waits and not list(unequal(world))


def unequal(world):
    """Yield (screen, topic, shown, true) where a screen does not show what is true."""
    for screen in world.screens:
        for topic, known in screen.topics.items():
            version, state = world.truth(topic)
            if (known.version, known.state) != (version, state):
                yield screen.number, topic, (known.version, known.state), (version, state)


def judge(world):
    """Say what is not as it must be once there is calm."""
    broken, events = world.broken, sorted(world.database.events, key=lambda row: row.position or 0)
    if [row.position for row in events] != list(range(1, len(events) + 1)):
        broken.append(f"positions are not dense: {[row.position for row in events]}")
    for stream in STREAMS:
        versions = [row.version for row in events if row.stream == stream]
        if versions != list(range(1, world.versions[stream] + 1)):
            broken.append(f"{stream} is inverted or incomplete in the log: {versions}")
        heard = [version for told, version in world.heard if told == stream]
        if heard != versions:
            broken.append(f"the reader heard of {stream} {heard}")
    broken += [f"screen {number} shows of {topic} {shown}, true is {true}"
               for number, topic, shown, true in unequal(world)]  # fmt: skip
