"""`fanout`: 1,500 sockets in groups of three and one group of 1,000, through ours and the servers beside it."""

from dataclasses import dataclass, field
from statistics import median

from bench import contestants, goods
from bench.contestants import Contestant
from bench.feeding import Phase
from bench.legs import Leg, Measured
from bench.report import Bar, Row, pressure
from bench.stand import Stand
from bench.tally import percentile
from bench.targets.pages import session
from bench.targets.status import placed
from config.local.places import CannotStart

GROUPS, EACH, CROWD = 500, 3, 1_000
EVENTS = 1_000  # a second, in the leg that measures CPU and latency
LIMIT = Contestant("limit", "bare", "plain", "/{topic}", lambda _stand: "")
PEERS = (contestants.NCHAN_WS, contestants.PUBSUB, contestants.SOCKETIO, contestants.DAPHNE_DEFAULT)
FAR_OFF = PEERS[1:]  # by so much that one round is enough
BARS = {
    "nchan": ("fanout_nchan", Bar(0.6, 0.85)),
    "Channels pub/sub": ("fanout", Bar(6, 10)),
    "daphne + default layer": ("fanout_daphne", Bar(12, 20)),
    "Socket.IO": ("fanout_socketio", None),
}
SSE = (contestants.OURS_SSE, contestants.NCHAN_SSE)


@dataclass
class Taken:
    """What one contestant gave, round by round: `flood` as fast as it goes, `paced` at EVENTS a second."""

    flood: list[Measured] = field(default_factory=list)
    paced: list[Measured] = field(default_factory=list)
    memory_kib: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def per_second(self) -> float:
        """Messages a second, the median round."""
        return median(measured.seen.per_second for measured in self.flood) if self.flood else 0.0

    def faults(self) -> tuple[int, int]:
        """(lost, inverted) of all rounds."""
        seen = [measured.seen for measured in (*self.flood, *self.paced)]
        return sum(one.lost for one in seen), sum(one.inverted for one in seen)

    def median(self, name: str) -> float:
        """The median of one figure of the paced rounds."""
        return median(getattr(measured, name) for measured in self.paced) if self.paced else 0.0


def run(stand: Stand) -> list[Row]:
    """Measure: limit, ours, nchan, the others, limit; that a few times."""
    buyer, key = goods.person("watcher")
    groups, crowd = stand.sized(GROUPS), stand.sized(CROWD)
    first = goods.copies(placed(goods.market("watched"), key), groups)
    refs = [f"ord_{goods.FIRST_REF + first + n}" for n in range(groups)]
    cookie = session(buyer)
    ours, ours_sse = contestants.ours(cookie), contestants.ours(cookie, contestants.OURS_SSE)
    present = [ours, *(peer for peer in PEERS if not peer.absent())]
    taken: dict[str, Taken] = {}
    for number in range(stand.rounds):
        last = number == stand.rounds - 1
        for who in (LIMIT, *present, LIMIT):
            if not (number and who in FAR_OFF):
                _leg(stand, taken.setdefault(who.name, Taken()), who, refs, EACH)
        for who in (ours, contestants.NCHAN_WS):
            if not who.absent():
                _leg(stand, taken.setdefault(f"{who.name} crowd", Taken()), who, refs[:1], crowd)
        for who in (ours_sse, contestants.NCHAN_SSE) if last else ():
            if not who.absent():
                _leg(stand, taken.setdefault(who.name, Taken()), who, refs, EACH)
    return _rows(taken, groups, crowd)


def _leg(stand: Stand, taken: Taken, who: Contestant, refs: list[str], each: int) -> None:
    """Measure one of them; a peer that fails is named as failing and stops nobody else."""
    try:
        _measure(stand, taken, who, refs, each)
    except (RuntimeError, CannotStart) as error:
        if who.name.startswith(("ours", LIMIT.name)):
            raise
        taken.failure = f"FAILED: {error}"


def _measure(stand: Stand, taken: Taken, who: Contestant, refs: list[str], each: int) -> None:
    with Leg(stand, who, refs, each) as leg:
        if each == EACH and who is not LIMIT:
            taken.paced.append(leg.measure(Phase(stand.seconds, rate=EVENTS)))
        taken.flood.append(leg.measure(Phase(stand.seconds / (1 if each == EACH else 2))))
        taken.memory_kib.append(leg.memory_kib)


def _rows(taken: dict[str, Taken], groups: int, crowd: int) -> list[Row]:
    ours, absent = taken["ours"], contestants.absences(*PEERS, *SSE)
    rows = []
    for peer in PEERS:
        name, bar = BARS[peer.name]
        rows.append(_beside(name, ours, taken.get(peer.name), bar, taken["limit"]))
    nchan = taken.get("nchan")
    rows += [
        _paced("fanout_cpu_nchan", "µs of server CPU a message", ours, nchan, Bar(2, 1.5, at_most=True)),
        _beside("crowd_nchan", taken["ours crowd"], taken.get("nchan crowd"), Bar(0.4, 0.6), None),
        _beside("events_nchan", taken["ours, events"], taken.get("nchan, events"), None, None),
        _memory(ours, taken.get("Channels pub/sub")),
    ]
    details = {
        "sockets": f"{groups * EACH} in groups of {EACH}, signed in, versions on; one group of {crowd}",
        "paced": f"{EVENTS} events/s, each at its moment; ours p50 {_ms(ours, 0.5)}, p99 {_ms(ours, 0.99)}",
        "also on these cores": f"Redis {ours.median('redis_us'):.1f} µs, watchers {_client(ours):.1f} µs a message",
        "peers": "neither rights nor versions; nchan with one worker, as ours is one process",
        "rounds": len(ours.flood),
        "pressure at the end": pressure(),
        **{name: _told(taken[name]) for name in taken if name != "limit"},
        **absent,
    }
    return [rows[0].with_details(details), *rows[1:]]


def _told(taken: Taken) -> str:
    lost, inverted = taken.faults()
    flood = f"{taken.per_second:,.0f}/s" if taken.flood else ""
    paced = f", paced {taken.median('server_us'):.1f} µs p99 {_ms(taken, 0.99)}" if taken.paced else ""
    return f"{taken.failure} {flood}{paced}, lost {lost}, inverted {inverted}".strip()


def _beside(name: str, ours: Taken, peer: Taken | None, bar: Bar | None, limit: Taken | None) -> Row:
    pairs = list(zip(ours.flood, peer.flood if peer else [], strict=False))
    return Row(
        name, "messages/s", ours.per_second, peer.per_second if peer and peer.flood else None,
        limit.flood[0].seen.per_second if limit else None, limit.flood[-1].seen.per_second if limit else None,
        losses=sum(ours.faults()), bar=bar,
        ratios=[one.seen.per_second / other.seen.per_second for one, other in pairs if other.seen.per_second],
    )  # fmt: skip


def _paced(name: str, unit: str, ours: Taken, peer: Taken | None, bar: Bar) -> Row:
    pairs = list(zip(ours.paced, peer.paced if peer else [], strict=False))
    ratios = [one.server_us / other.server_us for one, other in pairs if other.server_us]
    return Row(
        name,
        unit,
        ours.median("server_us"),
        peer.median("server_us") if peer and peer.paced else None,
        bar=bar,
        ratios=ratios,
    )


def _memory(ours: Taken, peer: Taken | None) -> Row:
    pairs = list(zip(ours.memory_kib, peer.memory_kib if peer else [], strict=False))
    theirs = median(peer.memory_kib) if peer and peer.memory_kib else None
    return Row(
        "memory", "KiB a connection", median(ours.memory_kib), theirs,
        bar=Bar(1.0, 0.8, at_most=True), ratios=[one / other for one, other in pairs if other],
    )  # fmt: skip


def _ms(taken: Taken, share: float) -> str:
    return f"{percentile([delay for measured in taken.paced for delay in measured.delays], share):.1f} ms"


def _client(taken: Taken) -> float:
    return median(measured.seen.client_us for measured in taken.flood)
