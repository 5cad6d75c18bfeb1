"""A leg whose events are changes that commit: the writer stands where the feeder stands, the relay where it stands."""

import time
from dataclasses import dataclass

from django.db.models import Max

from bench import goods, pgbench
from bench.contestants import Contestant
from bench.feeding import DATA, MINUTES, Job, Phase
from bench.legs import Child, Leg, Measured
from bench.stand import Stand
from bench.tally import Moments
from config.events import READERS
from notifications.letters.models import Letter
from notifications.log.leadership import PostgresBook
from notifications.log.models import Event, Leadership, ReaderCursor
from notifications.log.sequencer import RedisOutlet, Sequencer
from notifications.models import Message
from notifications.seal import sealing
from orders import services
from orders.models import Order

PATIENCE = 60.0  # seconds


@dataclass
class Changed:
    """The orders that change, all at one version, and the statements of one change."""

    text: str
    model: tuple[str, int, int]
    orders: list[tuple[str, int]]
    version: int = 1

    @classmethod
    def copies(cls, order: Order, sample: Order, number: int) -> "Changed":
        """That many copies of `order`; `sample` is changed once, to see by which statements."""
        first = goods.copies(order, number)
        data = DATA | {"minutes": MINUTES, "facts": DATA["facts"] | {"n": MINUTES}}
        text = ";\n".join(pgbench.statements(lambda: services.note(sample.public_id, "order.confirmed", data)))
        orders = [(f"ord_{goods.FIRST_REF + key}", key) for key in range(first, first + number)]
        return cls(text, (sample.public_id, sample.pk, sample.version), orders)

    @property
    def refs(self) -> list[str]:
        """Their public ids."""
        return [ref for ref, _key in self.orders]


def start_relay(stand: Stand, **environment: str) -> None:
    """Start the relay with nothing behind it: earlier legs are numbered and sealed, no reader has to hear them."""
    book = PostgresBook()
    sequencer = Sequencer(book, RedisOutlet())
    while sequencer.step():
        pass
    sequencer.let_go()
    head = Event.objects.aggregate(last=Max("position"))["last"] or 0
    for name in READERS:
        ReaderCursor.objects.update_or_create(name=name, defaults={"position": head})
    Message.objects.filter(state="WAITING").update(state="GIVEN_UP", next_at=None, sending_until=None)
    Letter.objects.filter(state="WAITING").delete()
    epoch = _epoch()
    stand.start("relay", **environment)
    until = time.monotonic() + PATIENCE
    while not (_epoch() > epoch and sealing.size() >= head):
        if time.monotonic() > until:
            raise RuntimeError(f"the relay is not level after {PATIENCE:g} s: {sealing.size()} of {head} sealed")
        time.sleep(0.05)


def _epoch() -> int:
    return Leadership.objects.values_list("epoch", flat=True).first() or 0


class Written(Leg):
    """`direct`: the writer publishes the frame itself. `screen` is one order more that changes now and then."""

    def __init__(
        self,
        stand: Stand,
        who: Contestant,
        changed: Changed,
        *,
        direct: bool,
        screen: tuple[str, int, int] | None = None,
    ) -> None:
        super().__init__(stand, who, changed.refs, 1)
        self.changed = changed
        self.version = changed.version
        self.commits, self.screen_commits = stand.state / "commits", stand.state / "screen_commits"
        self._direct = direct
        self._screen = screen
        self.screen_version = screen[2] if screen else 0
        self._epoch = _epoch()

    def feeder(self) -> Child:
        """Start the writer."""
        job = Job(
            self.changed.text, self.changed.model, self.changed.orders, self.changed.version,
            str(self.tally), str(self.commits), str(self.screen_commits), self._screen, self._direct, self._epoch,
        )  # fmt: skip
        for path in (self.commits, self.screen_commits):
            Moments.fresh(path, 1)
        return Child(self.stand, self.stack, "bench.writer", job)

    def changes(self, phase: Phase) -> Measured:
        """Measure one phase of whole rounds."""
        self._fresh(phase)
        measured = self.measure(phase)
        self.changed.version = self.version
        return measured

    def unseen(self, phase: Phase) -> int:
        """Make changes that nobody counts."""
        self._fresh(phase)
        count = self.feed(phase)
        self.version = self.changed.version = self.changed.version + count // len(self.changed.orders)
        return count

    def since_commit(self, measured: Measured) -> list[float]:
        """From the return of each commit to its arrival, ms."""
        commits = Moments(self.commits).read()
        return [(at - commits[number]) * 1000 for number, at in enumerate(measured.came) if at]

    def _fresh(self, phase: Phase) -> None:
        most = round(phase.rate * phase.seconds) + len(self.changed.orders)
        for path in (self.commits, self.screen_commits):
            Moments.fresh(path, most)
