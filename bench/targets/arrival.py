"""`arrival`: from a commit to 1,000 sockets and to a real browser, beside publishing right after the commit."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from bench import contestants, goods, screen
from bench.contestants import Contestant
from bench.feeding import Phase
from bench.legs import Child, Measured
from bench.report import Bar, Row
from bench.screen import Screen
from bench.stand import Stand
from bench.tally import Moments, percentile
from bench.targets.pages import session
from bench.targets.status import placed
from bench.written import Changed, Written, start_relay
from config.local import table
from orders.models import Order

SOCKETS = 1_000
RATES = (200, 500)  # changes a second
LATEST = Bar(100, 100, at_most=True, of_ours=True)


@dataclass
class Shown:
    """What the browser said: delays in ms since the commit, until written and until drawn; how many never came."""

    written: list[float] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    lost: int = 0
    inverted: int = 0


@dataclass
class Taken:
    """All rounds of one rate: ms since the commit and since the moment that the change was due, by round."""

    committed: list[list[float]] = field(default_factory=list)
    due: list[list[float]] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    relay_ms: list[float] = field(default_factory=list)  # of its CPU, a change
    shown: Shown = field(default_factory=Shown)

    def faults(self) -> int:
        """Lost or inverted, on sockets and on the screen."""
        sockets = sum(one.seen.lost + one.seen.inverted for one in self.measured)
        return sockets + self.shown.lost + self.shown.inverted

    def p50(self, number: int) -> float:
        """The median of one round, since the commit."""
        return percentile(self.committed[number], 0.5)


@dataclass
class Both:
    """What was taken of ours and of the peer, by rate."""

    ours: dict[int, Taken] = field(default_factory=lambda: {rate: Taken() for rate in RATES})
    direct: dict[int, Taken] = field(default_factory=lambda: {rate: Taken() for rate in RATES})


def run(stand: Stand) -> list[Row]:
    """Measure ours and the peer back to back, a few times, then once more while a browser looks on at each.

    The browser needs half of a small machine for itself: what sockets hear is measured without it.
    """
    buyer, key = goods.person("waiting")
    stall = goods.market("awaited")
    changed = Changed.copies(placed(stall, key), placed(stall, key), stand.sized(SOCKETS))
    who = contestants.ours(session(buyer))
    unwatched, watched = Both(), Both()
    for _round in range(min(2, stand.rounds)):
        _both(stand, who, changed, unwatched)
    if screen.path():
        _both(stand, who, changed, watched, lambda: placed(stall, key))
    return [row for rate in RATES for row in _rows(unwatched, watched, rate, stand.sized(SOCKETS))]


def _both(
    stand: Stand, who: Contestant, changed: Changed, taken: Both, on_screen: Callable[[], Order | None] = lambda: None
) -> None:
    """Measure ours, then the peer."""
    with ExitStack() as stack:
        start_relay(stand)
        stack.callback(stand.stop, "relay")
        _leg(stand, who, changed, taken.ours, on_screen())
    _leg(stand, who, changed, taken.direct, on_screen(), is_direct=True)


def _start(stand: Stand, stack: ExitStack, name: str) -> None:
    stand.start(name)
    stack.callback(stand.stop, name)


def _leg(
    stand: Stand,
    who: Contestant,
    changed: Changed,
    taken: dict[int, Taken],
    watched: Order | None,
    *,
    is_direct: bool = False,
) -> None:
    with ExitStack() as stack:
        if watched:
            _start(stand, stack, "web")
            who = replace(who, start=_door)
        on_screen = (watched.public_id, watched.pk, watched.version) if watched else None
        leg = stack.enter_context(Written(stand, who, changed, direct=is_direct, screen=on_screen))
        browser = _browser(stand, stack, who, on_screen[0]) if on_screen else None
        for rate in RATES:
            since = time.time() - time.monotonic()
            cpu = 0.0 if is_direct else stand.cpu_seconds("relay")
            measured = leg.changes(Phase(stand.seconds * 2, rate=rate))
            if not is_direct:
                spent = stand.cpu_seconds("relay") - cpu
                taken[rate].relay_ms.append(spent * 1000 / max(1, measured.seen.received))
            taken[rate].measured.append(measured)
            taken[rate].committed.append(leg.since_commit(measured))
            taken[rate].due.append(measured.delays)
            if browser and on_screen:
                commits = [at + since for at in Moments(leg.screen_commits).read() if at]
                first, leg.screen_version = leg.screen_version + 1, leg.screen_version + len(commits)
                browser.tell(leg.screen_version)
                _note(taken[rate].shown, json.loads(browser.hear()), first, commits)


def _door(stand: Stand) -> str:
    stand.start("live", LOCKSTEP_BACKEND=f"{table.BACKEND_HOST}:{stand.web_port}")
    return "live"


def _browser(stand: Stand, stack: ExitStack, who: Contestant, ref: str) -> Child:
    key = who.headers.partition("sessionid=")[2].partition("\r\n")[0]
    shown = Screen(f"http://localhost:{stand.live_port}", f"/orders/{ref}/", key)
    browser = Child(stand, stack, "bench.screen", shown)
    browser.hear("shown")
    return browser


def _note(shown: Shown, notes: list[tuple[int, float, float]], first: int, commits: list[float]) -> None:
    """Join what the browser noted with the commits of the versions from `first` on; moments are seconds since 1970."""
    came = {version: (written, drawn) for version, written, drawn in notes}
    shown.inverted += sum(later[0] <= earlier[0] for earlier, later in pairwise(notes))
    for version, committed in enumerate(commits, first):
        if version not in came:
            shown.lost += 1
            continue
        written, drawn = came[version]
        shown.written.append((written - committed) * 1000)
        shown.drawn.append((drawn - committed) * 1000)


def _rows(unwatched: Both, watched: Both, rate: int, sockets: int) -> list[Row]:
    mine, other = unwatched.ours[rate], unwatched.direct[rate]
    bar = Bar(5, 2.5, at_most=True)
    pairs = range(min(len(mine.committed), len(other.committed)))
    ratios = [mine.p50(number) / other.p50(number) for number in pairs]
    p50, peer = (median([taken.p50(number) for number in pairs]) for taken in (mine, other))
    details = _details(mine, other, rate, sockets)
    return [
        Row(f"arrival_{rate}_p50", "ms, commit → socket", p50, peer, bar=bar, ratios=ratios, losses=mine.faults(),
            details=details),
        Row(f"arrival_{rate}_p99", "ms, due → socket", _all(mine.due, 0.99), _all(other.due, 0.99), bar=LATEST),
        *_screen_rows(watched.ours[rate], watched.direct[rate], rate, bar),
    ]  # fmt: skip


def _screen_rows(mine: Taken, other: Taken, rate: int, bar: Bar) -> list[Row]:
    """The browser's page, fed by ours and by the peer."""
    if not mine.shown.written or not other.shown.written:
        return [Row(f"screen_{rate}_p99", "ms, commit → page", 0.0, details={"browser": "ABSENT: no chromium"})]
    (p50, peer), (p99, peer_p99) = (
        [percentile(taken.shown.written, share) for taken in (mine, other)] for share in (0.5, 0.99)
    )
    details = {
        name: f"{len(taken.shown.written)} changes of its page, lost {taken.shown.lost}, inverted "
        f"{taken.shown.inverted}; drawn p50 {percentile(taken.shown.drawn, 0.5):.1f}, "
        f"p99 {percentile(taken.shown.drawn, 0.99):.1f} ms; sockets beside it p50 {_all(taken.committed, 0.5):.1f}, "
        f"p99 {_all(taken.committed, 0.99):.1f} ms"
        for name, taken in (("ours", mine), ("peer", other))
    }
    return [
        Row(f"screen_{rate}_p50", "ms, commit → page", p50, peer, bar=bar, ratios=[p50 / peer], losses=mine.faults(),
            details=details),
        Row(f"screen_{rate}_p99", "ms, commit → page", p99, peer_p99, bar=LATEST),
    ]  # fmt: skip


def _details(mine: Taken, other: Taken, rate: int, sockets: int) -> dict[str, str]:
    count = sum(one.seen.received for one in mine.measured)
    spent = sum(one.server_us * one.seen.received for one in mine.measured) / max(1, count)
    return {
        "changes": f"{rate} a second, each due at its moment, by the statements of one real change; {sockets} sockets",
        "ours, since the commit": f"p99 {_all(mine.committed, 0.99):.1f} ms",
        "ours, since due": f"p50 {_all(mine.due, 0.5):.1f} ms",
        "peer": f"the same commits, then the frame published at once; p99 {_all(other.committed, 0.99):.1f} ms",
        "CPU": f"live process {spent:.0f} µs a message, relay {median(mine.relay_ms):.2f} ms a change",
        "peer's losses": f"{other.faults()}",
    }


def _all(rounds: list[list[float]], share: float) -> float:
    return percentile([delay for one in rounds for delay in one], share)
