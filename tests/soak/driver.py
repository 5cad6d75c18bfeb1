"""One soak from the first order to the proofs: acts the plan out, lets the night pass, asks whether all is right.

`play` is called by __main__.py and test_soak.py.
"""

import heapq
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.soak import audit, proofs, weather
from tests.soak.looking import Truth
from tests.soak.outcome import Outcome
from tests.soak.pace import Pace, after
from tests.soak.plan import Script, draw_encore
from tests.soak.rest import Rest
from tests.soak.scenes import Step
from tests.soak.stage import Set
from tests.soak.street import Case, Street

PEOPLE = 8  # who act at the same moment
SPEED = 60.0  # seconds of the soak in one of ours, at most
ENCORES = 3  # at most
SPEED_AT_REST = 120.0  # when nobody acts any more
LOOK = 0.03  # seconds between two looks at what is due
STUCK_ROUNDS = 6  # of every worker without any change, and so many seconds: it will never rest
STUCK_SECONDS = {"events to number": 20.0, "events to read": 20.0}  # the relay is no worker of the clock
STUCK_AT_LEAST = 3.0
NIGHT = timedelta(hours=26)  # the last question about a payment comes 24 hours after its deadline
CRASHED = "70"  # house.CRASHED, as it stands in the list of deaths
TELL_SECONDS = 10.0
Say = Callable[[str], None]


def play(
    stage: Set, name: str, seed: int, plan: list[Script], say: Say, patience: float, encores: int = ENCORES
) -> Outcome:
    """Act the plan out on this stage and prove the books."""
    driver = Driver(stage, Outcome(name, len(plan)), say, weather.storm(len(plan), patience))
    with Pace(stage.ticking, stage.simulator, SPEED, driver.lag) as pace:
        with driver.timed("orders"):
            driver.act_out(plan)
            driver.provoke_the_rest(seed, encores)
        with driver.timed("rest"):
            driver.come_to_rest(pace)
        with driver.timed("proofs"):
            driver.prove(pace)
    driver.look_back()
    return driver.outcome


class Driver:
    """Everything that goes on during one soak, apart from the house."""

    def __init__(self, stage: Set, outcome: Outcome, say: Say, rules: dict[str, Any]) -> None:
        self.outcome = outcome
        self._stage, self._rules, self._say = stage, rules, say
        self._street = Street(stage.shop, stage.simulator, stage.town, stage.database, stage.folder / "crashes")
        self._start = stage.ticking.now()
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, Case, int]] = []  # due, tie-break, case, step (-1: place)
        self._late: dict[int, float] = {}  # tie-break of what is being done → when it was due
        self._ties = itertools.count()
        self._cases: list[Case] = []
        self._is_stuck = self._are_bills_read = False

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Measure a phase in real seconds."""
        began = time.monotonic()
        yield
        self.outcome.seconds[phase] = time.monotonic() - began

    def lag(self) -> float:
        """How late the latest act is, in the soak's seconds: time waits for people."""
        with self._lock:
            due = min(itertools.chain(self._late.values(), (item[0] for item in self._waiting[:1])), default=None)
            return 0.0 if due is None else self._elapsed() - due

    def _elapsed(self) -> float:
        return (self._stage.ticking.now() - self._start).total_seconds()

    # ── the day ──────────────────────────────────────────────────────────────────────────────────
    def act_out(self, plan: list[Script]) -> None:
        """Every script to its end, in the storm."""
        self._street.oracle("faults", self._rules)
        squalls = [plan[-1].places_at * share for share in (0.3, 0.6, 0.9)]  # when replies to refunds get lost

        def blow() -> None:
            if squalls and self._elapsed() > squalls[0]:
                squalls.pop(0)
                self._street.oracle("faults", self._rules | weather.LOST_REPLIES)

        self._act(plan, blow)
        self._street.oracle("faults", self._rules)

    def provoke_the_rest(self, seed: int, encores: int) -> None:
        """What has not struck yet gets a few more orders in which it must."""
        for number in range(encores):
            unfired = [fault.name for fault in self._faults() if not fault.times]
            if not unfired:
                return
            self._say(f"  encore for {', '.join(unfired)}")
            encore = draw_encore(seed, number, [case.script for case in self._cases], self._elapsed())
            self._street.oracle("faults", weather.provoked(self._rules, unfired))
            self._act(encore, lambda: None)
            rest = Rest(self._stage.database)
            self._until_nothing_is_due(rest)
            rest.close()

    def _act(self, scripts: list[Script], meanwhile: Callable[[], None]) -> None:
        cases = [Case(script) for script in scripts]
        self._cases += cases
        for case in cases:
            heapq.heappush(self._waiting, (case.script.places_at, next(self._ties), case, -1))
        told = time.monotonic()
        with ThreadPoolExecutor(PEOPLE) as people:
            busy: set[Any] = set()
            while self._waiting or busy:
                self._stage.require_life()
                busy |= {people.submit(self._do, *item) for item in self._take_due(PEOPLE - len(busy))}
                done, busy = wait(busy, timeout=LOOK) if busy else (set(), busy)
                for task in done:
                    task.result()
                if not busy:
                    time.sleep(LOOK)
                meanwhile()
                if time.monotonic() - told > TELL_SECONDS:
                    told = time.monotonic()
                    self._say(f"  {self._progress()}")

    def _progress(self) -> str:
        placed = sum(bool(case.order_id) for case in self._cases)
        return f"{placed} of {len(self._cases)} orders placed, {self._elapsed() / 60:.0f} minutes of the soak passed"

    def _take_due(self, most: int) -> list[tuple[float, int, Case, int]]:
        now, taken = self._elapsed(), []
        with self._lock:
            while self._waiting and self._waiting[0][0] <= now and len(taken) < most:
                item = heapq.heappop(self._waiting)
                self._late[item[1]] = item[0]
                taken.append(item)
        return taken

    def _do(self, due: float, tie: int, case: Case, step: int) -> None:
        try:
            going = self._street.place(case) if step < 0 else self._take(case, case.script.steps[step])
        finally:
            with self._lock:
                self._late.pop(tie, None)
        if step < 0 and going:
            case.placed_at = self._elapsed()
        if going and step + 1 < len(case.script.steps):
            moment = max(due, case.placed_at + case.script.steps[step + 1].after)
            with self._lock:
                heapq.heappush(self._waiting, (moment, next(self._ties), case, step + 1))

    def _take(self, case: Case, step: Step) -> bool:
        """Do what belongs to one moment: several acts at the same time."""
        others = [threading.Thread(target=self._street.act, args=(case, act)) for act in step.acts[1:]]
        for other in others:
            other.start()
        self._street.act(case, step.acts[0])
        for other in others:
            other.join()
        return True

    # ── the night ────────────────────────────────────────────────────────────────────────────────
    def come_to_rest(self, pace: Pace) -> None:
        """Wait until nothing is due, then jump to what falls due next, until a night has passed."""
        pace.speed = SPEED_AT_REST
        rest = Rest(self._stage.database)
        dusk = self._stage.ticking.now()
        self._until_nothing_is_due(rest)
        self._street.oracle("faults", weather.FAIR)
        while not self._is_stuck:
            now = self._stage.ticking.now()
            moment = rest.next_moment(now)
            if moment is None or moment > dusk + NIGHT:
                break
            pace.jump(after(moment, max(20.0, (now - dusk).total_seconds() / 8)))
            self._until_nothing_is_due(rest)
        rest.close()

    def _until_nothing_is_due(self, rest: Rest) -> None:
        """Ask until it is so; give up when every worker went round several times and nothing changed."""
        ticking, workers = self._stage.ticking, self._stage.town["workers"]
        seen, rounds, told, since = None, ticking.rounds(workers), time.monotonic(), time.monotonic()
        while due := rest.due(ticking.now()):
            self._stage.require_life()
            if due != seen:
                seen, rounds, since = due, ticking.rounds(workers), time.monotonic()
            elif time.monotonic() - since > max(STUCK_SECONDS.get(what, STUCK_AT_LEAST) for what in due) and all(
                now - then >= STUCK_ROUNDS for now, then in zip(ticking.rounds(workers), rounds, strict=True)
            ):
                self._is_stuck = True
                self.outcome.broken.append(f"never at rest: {_said(due)}")
                return
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                self._say(f"  still due: {_said(due)}")
            time.sleep(LOOK)

    # ── the morning ──────────────────────────────────────────────────────────────────────────────
    def prove(self, pace: Pace) -> None:
        """Every proof before the gateways' bills are read; when all hold, every proof again after that."""
        self.outcome.findings = proofs.prove(self._stage.database, self._truth())
        if self._is_stuck or self.outcome.proofs_that_broke:
            return
        self._are_bills_read = True
        self._street.oracle("faults", weather.LATE_BILL)
        findings = audit.audit(self._stage, pace, self._start)
        rest = Rest(self._stage.database)
        self._until_nothing_is_due(rest)
        rest.close()
        self.outcome.findings = proofs.prove(self._stage.database, self._truth(bills_are_read=True)) + findings

    def _truth(self, *, bills_are_read: bool = False) -> Truth:
        trades = self._street.oracle("trades")["trades"]
        letters = [row for row in self._street.oracle("log")["log"] if row["what"] == "notification"]
        return Truth(
            trades={(trade["gateway"], trade["out_trade_no"]): trade for trade in trades},
            forgeries=Counter(row["status"] for row in letters if row["variant"]),
            bills_are_read=bills_are_read,
        )

    def look_back(self) -> None:
        """Which faults struck, how orders ended, what died, what the house complained about."""
        outcome = self.outcome
        outcome.placed = sum(bool(case.order_id) for case in self._cases)
        outcome.passed_hours = self._elapsed() / 3600
        outcome.met, outcome.endings = self._street.met, Counter(proofs.endings(self._stage.database))
        outcome.broken += [f"{name} died with {code}" for name, code in self._deaths() if code != CRASHED]
        outcome.broken += self._street.broken
        outcome.faults = self._faults()
        outcome.complaints = _complaints(self._stage.folder / "house.log")
        log = self._street.oracle("log")["log"]  # for whoever has to find out what happened
        (self._stage.folder / "gateways.log").write_text("".join(f"{json.dumps(row)}\n" for row in log))

    def _faults(self) -> list[weather.Fired]:
        """Every fault of this soak with how often it struck so far."""
        own = self._street.faults | Counter({"crash between": sum(code == CRASHED for _, code in self._deaths())})
        log = self._street.oracle("log")["log"]
        own["refund reply lost"] = sum(row.get("operation") == "refund" and row["status"] == 502 for row in log)
        gateway = self._street.oracle("faults")["fired"]
        rules = self._rules | (weather.LATE_BILL if self._are_bills_read else {})
        return weather.exercised(rules, gateway, own, OWN)

    def _deaths(self) -> list[list[str]]:
        return [line.split() for line in self._stage.deaths]


OWN = {  # faults of the driver's own, and how often it makes them
    "crash between": "10%",
    "refund reply lost": "3 squalls",
    "another amount": "scenes",
    "paid late": "scenes",
    "reserved keys spoilt": "scenes",
    "console refund": "scenes",
}


def _said(due: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in due.items())


def _complaints(log: Path) -> Counter[str]:
    """What was logged as an error, without the numbers in it."""
    found: Counter[str] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("level") in {"error", "critical"}:
            last = row.get("exception", "").strip().splitlines()[-1:]
            words = " ".join(
                [row.get("logger", ""), *(word for word in str(row["event"]).split() if word.isalpha()), *last]
            )
            found[words[:110]] += 1
    return found
