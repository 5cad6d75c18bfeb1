"""One drill of the relay from its first kill to the verdict; __main__.py and test_drills.py call `relay_drill`.

Kills come at moments drawn from the seed, at the leader more often than at the other relay; every third one is aimed:
it falls between giving numbers and publishing them, or in the middle of a batch. Between the kills other things fail.
"""

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.drills import history
from tests.drills.followers import Crowd, Follower
from tests.drills.ground import Ground

LOCK = 70_210_577  # of the leader, as in notifications/log/leadership.py
LEADER = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = %s AND l.granted
"""
EPOCH = "SELECT epoch FROM notifications_leadership"
LEFT = """
SELECT (SELECT count(*) FROM notifications_event WHERE position IS NULL),
       (SELECT count(*) FROM notifications_readercursor
        WHERE position < (SELECT max(position) FROM notifications_event)),
       (SELECT count(*) FROM notifications_parkedevent WHERE resolved_at IS NULL)
"""
PROGRESS = "SELECT sum(position) FROM notifications_readercursor"
PATIENCE = 20.0  # seconds for anything that must happen
OTHERS = ("frozen leader", "postgres killed", "redis flushed", "redis killed", "live killed")


@dataclass
class Outcome:
    """What came of a drill."""

    seed: int
    kills: int = 0
    happened: Counter = field(default_factory=Counter)
    take_overs: list = field(default_factory=list)  # seconds from a kill to the next leader
    events: int = 0
    frames: int = 0
    again: int = 0
    gaps: int = 0
    rest: float = 0.0
    seconds: float = 0.0
    broken: list = field(default_factory=list)

    def table(self):
        """For people."""
        took = sorted(self.take_overs) or [0.0]
        happened = ", ".join(f"{name} {count}" for name, count in sorted(self.happened.items()))
        failed = "".join(f"\n    {words[:300]}" for words in self.broken[:12])
        verdict = f"FAILED:{failed}" if failed else "PASSED: lost 0, twice 0, inverted 0"
        return (
            f"seed {self.seed}: {self.events} events, {self.kills} kills in {self.seconds:.0f} s ({happened})\n"
            f"  take-over p50 {took[len(took) // 2]:.2f} s, max {took[-1]:.2f} s; level {self.rest:.1f} s after it\n"
            f"  frames {self.frames}, again on a later line {self.again}, gaps seen by a follower {self.gaps}\n"
            f"  {verdict}"
        )


def relay_drill(folder, *, kills, seed, mutant="", others=OTHERS):
    """Play one drill; the outcome says what broke."""
    outcome = Outcome(seed)
    began = time.monotonic()
    with Ground(folder, seed, mutant) as ground:
        crowd = Crowd(ground.port, _followers(ground, seed))
        try:
            _Driver(ground, outcome, seed).storm(kills, others)
            ended = time.monotonic()
            _until_level(ground, crowd.followers)
            outcome.rest = time.monotonic() - ended
        finally:
            crowd.stop()
        outcome.broken += history.broken(ground, crowd.followers)
        outcome.events = len(ground.rows(history.EVENTS))
        outcome.again = history.twice_over_lines(crowd.followers)
        outcome.frames = sum(len(follower.heard) for follower in crowd.followers)
        outcome.gaps = sum(follower.gaps for follower in crowd.followers)
        deaths = [line for line in (folder / "deaths").read_text().splitlines() if not line.endswith(" -9")]
        outcome.broken += [f"died by itself: {line}" for line in deaths]
    outcome.seconds = time.monotonic() - began
    return outcome


def _followers(ground, seed):
    orders = [f"order/{ref}" for ref in ground.town["orders"]]
    board, keys = ground.town["board"], ground.town["keys"]
    return [
        Follower("ana's phone", "socket", keys["ana"], orders, seed, is_steady=True),
        Follower("ana's laptop", "events", keys["ana"], orders, seed + 1),
        Follower("ana's watch", "poll", keys["ana"], orders[:6], seed + 2),
        Follower("bruno's kitchen", "socket", keys["bruno"], [board, *orders[:6]], seed + 3),
        Follower("bruno's counter", "events", keys["bruno"], [board, *orders[6:]], seed + 4, is_steady=True),
    ]


def _until_level(ground, followers):
    """Until nothing is left to do, or nothing moves any more: then the verdict says what is missing."""
    until, before = time.monotonic() + PATIENCE, None
    while time.monotonic() < until:
        if (now := ground.rows(PROGRESS)) != before:  # on a busy machine readers have much to catch up with
            until, before = time.monotonic() + PATIENCE, now
        if ground.rows(LEFT) == [(0, 0, 0)]:
            orders = {ref: row for ref, *row in ground.rows(history.ORDERS)}
            if not any(words for follower in followers for words in history._follower(follower, orders)):
                return
        time.sleep(0.1)


class _Driver:
    """Does the damage."""

    def __init__(self, ground, outcome, seed):
        self.ground, self.outcome = ground, outcome
        self.chance = random.Random(seed)

    def storm(self, kills, others):
        """So many kills, and everything else in between, at least once each."""
        acts = [self._kill] * kills
        for number, name in enumerate(others):
            acts.insert((number + 1) * len(acts) // (len(others) + 1), getattr(self, "_" + name.replace(" ", "_")))
        for act in acts:
            time.sleep(self.chance.uniform(0.05, 0.45))
            act()
        time.sleep(1.0)  # screens are level, as far as they can be
        self._aim("kill")  # and the last numbers are given and never told: nothing that comes later mends that
        (self.ground.folder / "stop").touch()
        self._did("aimed at the end")

    def _leader(self):
        """Name and process id of whoever leads and lives: a session outlives its killed process by a moment."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for (words,) in self.ground.rows(LEADER, LOCK):
                name, pid = words.split()
                if self.ground.pid(name) == int(pid) and self.ground.signal(name, 0):
                    return name
            time.sleep(0.01)
        raise TimeoutError("nobody leads")

    def _kill(self):
        """kill -9 of a relay, of both, or where it hurts most."""
        leader, epoch = self._leader(), self.ground.rows(EPOCH)
        luck = self.chance.random()
        if luck < 0.34:
            what = self.chance.choice(["kill", "half"])
            self._aim(what)
            self._did(f"aimed {what}")
        elif luck < 0.5:
            self.ground.kill("relay-1")
            self.ground.kill("relay-2")
            self._did("both relays")
        elif luck < 0.6:
            self.ground.kill("relay-1" if leader == "relay-2" else "relay-2")
            self._did("the other relay")
            self.outcome.kills += 1
            return
        else:
            self.ground.kill(leader)
            self._did("leader")
        self.outcome.kills += 1
        self.outcome.take_overs.append(self._until_next(epoch))

    def _until_next(self, epoch):
        """How long it took until somebody led again."""
        began = time.monotonic()
        while self.ground.rows(EPOCH) == epoch:
            if time.monotonic() - began > PATIENCE:
                self.outcome.broken.append("nobody took over")
                break
            time.sleep(0.005)
        return time.monotonic() - began

    def _aim(self, what):
        """Wait until a leader has stepped on it: its numbers are given, and not all of them are told."""
        aim = self.ground.folder / "aim"
        aim.write_text(what)
        until = time.monotonic() + PATIENCE
        while aim.exists() and time.monotonic() < until:
            time.sleep(0.002)
        if aim.exists():
            aim.unlink(missing_ok=True)
            self.outcome.broken.append(f"nobody stepped on the aim: {what}")

    def _did(self, name):
        self.outcome.happened[name] += 1

    def _frozen_leader(self):
        """SIGSTOP with numbers given; another one fences it; SIGCONT, and it says its last."""
        self._leader()
        epoch = self.ground.rows(EPOCH)
        self._aim("stop")
        self._until_next(epoch)
        time.sleep(self.chance.uniform(0.2, 0.6))
        for relay in ("relay-1", "relay-2"):
            self.ground.signal(relay, signal.SIGCONT)
        self._did("frozen leader")

    def _postgres_killed(self):
        self.ground.crash("postgres")
        self._did("postgres killed")

    def _redis_killed(self):
        self.ground.crash("redis")
        self._did("redis killed")

    def _redis_flushed(self):
        self.ground.flush()
        self._did("redis flushed")

    def _live_killed(self):
        self.ground.kill("live")
        self._did("live killed")
