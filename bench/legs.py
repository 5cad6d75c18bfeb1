"""One leg of a measurement: a server, the watchers of its sockets and the feeder, each in a process of its own."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

from bench.contestants import Contestant
from bench.feeding import Feed, Phase
from bench.sockets import Seen, Watch
from bench.stand import Stand
from bench.tally import Moments, Tally

SOME = 200  # sockets that are open before memory is measured: the server has then loaded whatever it needs
WATCHERS, FEEDER = "bench.sockets", "bench.feeder"


class Child:
    """A process that is told things by lines and answers by lines."""

    def __init__(self, stand: Stand, stack: ExitStack, module: str, first: Any) -> None:
        self.module = module
        self._child = subprocess.Popen(
            (sys.executable, "-m", module), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=stand.environment,
        )  # fmt: skip
        stack.callback(self._end)
        self.tell(asdict(first))

    def tell(self, words: Any) -> None:
        """Say one thing."""
        assert self._child.stdin
        self._child.stdin.write(json.dumps(words) + "\n")
        self._child.stdin.flush()

    def hear(self, wanted: str = "") -> str:
        """Wait for its next line, which is `wanted` if that is given."""
        assert self._child.stdout
        said = self._child.stdout.readline().strip()
        if not said or (wanted and said != wanted):
            raise RuntimeError(f"{self.module} said {said!r} instead of {wanted or 'a word'!r}")
        return said

    def _end(self) -> None:
        self._child.kill()
        self._child.wait()


@dataclass
class Measured:
    """What one phase gave: `delays` in ms since each message's moment (at a rate only), CPU in µs a message."""

    seen: Seen
    delays: list[float]
    server_us: float
    redis_us: float
    came: list[float]  # when each message came, by its number; 0 for one that did not


class Leg:
    """Everything of it ends with the `with`. Sockets follow when it has begun."""

    def __init__(self, stand: Stand, who: Contestant, refs: list[str], each: int, more: tuple[str, ...] = ()) -> None:
        self.stand = stand
        self.who = who
        self.topics = [who.prefix + ref for ref in refs]
        self.fed = [f"order/{ref}" for ref in (*refs, *more)]
        self.each = each
        self.refs = refs
        self.memory_kib = 0.0  # of the server, a socket
        self.version = 1  # of every topic that is watched
        self.tally, self.moments = stand.state / "tally", stand.state / "moments"
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        """Start all three."""
        try:
            self._begin()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all three."""
        self.stack.close()

    def _begin(self) -> None:
        Tally.fresh(self.tally)
        is_bare = self.who.way == "bare"
        self.server = self.who.start(self.stand)
        if self.server:
            self.stack.callback(self.stand.stop, self.server)
        if is_bare:
            self._feeder = self._fed()
        some = SOME if len(self.topics) * self.each > SOME * 2 and self.server else 0
        watch = Watch(
            self.stand.live_port, self.who.path, self.topics, self.each, str(self.tally), self.who.dialect,
            self.who.headers, some,
        )  # fmt: skip
        self.watchers = Child(self.stand, self.stack, WATCHERS, watch)
        if some:
            self.watchers.hear("some")
            before = self.stand.memory_kib(self.server)
            self.watchers.tell("go on")
        self.watchers.hear("ready")
        if some:
            more = len(self.topics) * self.each - some
            self.memory_kib = (self.stand.memory_kib(self.server) - before) / more
        if not is_bare:
            self._feeder = self._fed()

    def feeder(self) -> Child:
        """Start whatever sends the events."""
        redis_url = self.stand.environment["REDIS_URL"]
        feed = Feed(self.who.way, self.fed, self.each, str(self.tally), self.stand.live_port, redis_url)
        return Child(self.stand, self.stack, FEEDER, feed)

    def _fed(self) -> Child:
        child = self.feeder()
        child.hear("feeding")
        return child

    def feed(self, phase: Phase) -> int:
        """Send events that nobody counts; returns how many messages they made."""
        Tally.fresh(self.tally)
        self._feeder.tell(asdict(phase))
        return int(json.loads(self._feeder.hear())["sent"])

    def measure(self, phase: Phase) -> Measured:
        """Send events to every topic that is watched, and see what comes."""
        phase.only = [f"order/{ref}" for ref in self.refs]
        phase.window = min(phase.window, self.who.window)
        most = round(phase.rate * phase.seconds + len(self.refs)) * self.each if phase.rate else 0
        moments = Moments.fresh(self.moments, most) if phase.rate else None
        Tally.fresh(self.tally)
        self.watchers.tell({"do": "count", "base": self.version, "moments": str(self.moments) if moments else ""})
        self.watchers.hear("counting")
        server, redis = self._cpu()
        self._feeder.tell(asdict(phase))
        sent = int(json.loads(self._feeder.hear())["sent"])
        seen = Seen(**json.loads(self.watchers.hear()))
        spent, redis_spent = (after - before for after, before in zip(self._cpu(), (server, redis), strict=True))
        self.version += sent // (len(self.refs) * self.each)
        if sent != seen.received + seen.lost:
            raise RuntimeError(
                f"{self.who.name}: {sent} sent, {seen.received} came, {seen.lost} lost: these do not agree"
            )
        count = max(1, seen.received)
        came = moments.read()[:sent].tolist() if moments else []
        began = Tally(self.tally).read()[2]
        delays = [(at - began - number // self.each / phase.rate) * 1000 for number, at in enumerate(came) if at]
        return Measured(seen, delays, spent * 1e6 / count, redis_spent * 1e6 / count, came)

    def _cpu(self) -> tuple[float, float]:
        return self.stand.cpu_seconds(self.server) if self.server else 0.0, self.stand.redis_cpu_seconds()
