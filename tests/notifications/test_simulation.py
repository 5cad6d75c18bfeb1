"""The sequencer in a seeded simulation: killed and failing at random, every screen ends level with the log."""

import random

import pytest

from notifications.log import frames
from notifications.log.sequencer import Lost, Sequencer

STREAMS = ("order/a", "order/b", "order/c")


class PaperBook:
    """A Book in memory, shared by the relays of a simulation; `dies` makes the next call end like a killed process."""

    def __init__(self, pages):
        self.pages = pages

    def lead(self):
        if self.pages["leader"] not in (None, self):
            return None
        self.pages["leader"] = self
        return self.new_epoch()

    def new_epoch(self):
        self.pages["epoch"] += 1
        return self.pages["epoch"]

    def number(self, limit):
        fresh = []
        for event in [row for row in self.pages["rows"] if row["position"] is None][:limit]:
            self.pages["last"] += 1
            event["position"] = self.pages["last"]
            fresh.append(frames.Numbered(event["position"], event["stream"], event["version"], "x", {}, {}, (), None))
        return fresh

    def let_go(self):
        if self.pages["leader"] is self:
            self.pages["leader"] = None


class Screen:
    """Follows one stream as the hub's subscription does: next version, or read the log again."""

    def __init__(self, stream, pages):
        self.stream, self.pages, self.version, self.epoch, self.seen = stream, pages, 0, 0, []

    def take(self, message):
        epoch, _, topic, version, *_ = message.partition(b"|")[0].decode().split(" ")
        if int(epoch) > self.epoch:
            self.epoch = int(epoch)
            self.read_log()
        if topic == self.stream and int(version) > self.version:
            assert int(version) == self.version + 1
            self.show(int(version))

    def read_log(self):
        for row in self.pages["rows"]:
            if row["stream"] == self.stream and row["position"] and row["version"] > self.version:
                self.show(row["version"])

    def show(self, version):
        self.version = version
        self.seen.append(version)


class Air:
    """An outlet that loses a batch now and then, and now and then is where the relay is killed."""

    def __init__(self, chance, screens):
        self.chance, self.screens, self.is_calm = chance, screens, False

    def publish(self, messages):
        luck = 1.0 if self.is_calm else self.chance.random()
        if luck < 0.1:
            raise Lost("simulated")
        if luck < 0.2:
            raise SystemExit
        for _, message in messages:
            for screen in self.screens:
                screen.take(message)


@pytest.mark.parametrize("seed", range(30))
def test_kills_and_losses_leave_every_screen_level(seed):
    """Two relays, either one killed between commit and publish, Redis failing; then one calm relay finishes."""
    chance = random.Random(seed)
    pages = {"rows": [], "leader": None, "epoch": 0, "last": 0}
    screens = [Screen(stream, pages) for stream in STREAMS]
    air = Air(chance, screens)
    relays = [Sequencer(PaperBook(pages), air) for _ in range(2)]
    versions, kills = dict.fromkeys(STREAMS, 0), 0
    for _ in range(300):
        stream = chance.choice(STREAMS)
        versions[stream] += 1
        pages["rows"].append({"stream": stream, "version": versions[stream], "position": None})
        number = chance.randrange(2)
        try:
            relays[number].step(limit=3)
        except SystemExit:
            kills += 1
            relays[number].let_go()
            relays[number] = Sequencer(PaperBook(pages), air)
    for relay in relays:
        relay.let_go()
    air.is_calm = True
    last = Sequencer(PaperBook(pages), air)
    while last.step():
        pass
    assert kills > 3
    assert sorted(row["position"] for row in pages["rows"]) == list(range(1, 301))
    for screen in screens:
        assert screen.seen == list(range(1, versions[screen.stream] + 1))
