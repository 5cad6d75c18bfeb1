"""`webhooks`: from a change to the first attempt at a receiver, five healthy ones alone, then beside five sick ones."""

import time
from datetime import datetime

from django.conf import settings

from bench import goods
from bench.receivers import SICK, Receivers, Seen, well
from bench.report import Row
from bench.stand import Stand
from bench.targets.status import placed
from bench.written import start_relay
from notifications.models import Endpoint
from notifications.webhooks import endpoints
from notifications.webhooks.endpoints import By
from orders import services
from orders.actors import SYSTEM

HEALTHY = 5
PER_SECOND = 10  # changes: each is a message to every endpoint
STEPS = 2  # changes of one order
LONGER, LONGEST = 10, 20.0  # times as long as other legs, seconds: of 20 changes the worst hundredth is the first one
LAST = 30.0  # seconds that the last message may take
ROUNDS = ("alone", "beside the sick")


def run(stand: Stand) -> list[Row]:
    """Measure."""
    stall = goods.market("told")
    _buyer, key = goods.person("told-buyer")
    seconds = min(LONGER * stand.seconds, LONGEST)
    orders = max(PER_SECOND // STEPS, round(PER_SECOND * seconds / STEPS))
    first = goods.copies(placed(stall, key), orders * len(ROUNDS))
    rows, p99 = [], 0.0
    for number, name in enumerate(ROUNDS):
        kinds = [well] * HEALTHY + list(SICK if number else ())
        receivers = Receivers(kinds, lambda text: datetime.fromisoformat(text).timestamp())
        hosts = [f"localhost:{seen.port}" for seen in receivers.seen]
        settings.WEBHOOK_PRIVATE_HOSTS = hosts
        made = [_endpoint(stall.shop.public_id, host) for host in hosts]
        start_relay(stand, LOCKSTEP_WEBHOOK_PRIVATE_HOSTS=",".join(hosts))
        try:
            cpu = stand.cpu_seconds("relay")
            spent = _change(range(first + number * orders, first + (number + 1) * orders))
            _wait(receivers.seen[:HEALTHY], orders * STEPS)
            cpu_ms = (stand.cpu_seconds("relay") - cpu) * 1000 / (orders * STEPS * HEALTHY)
        finally:
            stand.stop("relay")
            receivers.stop()
        rows += _rows(name, receivers.seen, orders * STEPS, p99, spent, cpu_ms)
        p99 = rows[1].ours
        for endpoint in made:
            endpoints.remove(endpoint.public_id, by=By("system"))
    return rows


def _endpoint(shop_id: str, host: str) -> Endpoint:
    made, _secret = endpoints.add(shop_id, f"board/{shop_id}", f"http://{host}/hook", by=By("system"))
    endpoints.answer_challenge(made.pk, made.url, "")
    return made


def _change(keys: range) -> float:
    """Confirm and start each order at an even pace, whatever it takes; returns the seconds spent."""
    began = time.monotonic()
    for place, key in enumerate(keys):
        ref = f"ord_{goods.FIRST_REF + key}"
        for step in range(STEPS):
            wait = began + (place * STEPS + step) / PER_SECOND - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            if step == 0:
                services.confirm_order(ref, minutes=15, actor=SYSTEM)
            else:
                services.start_preparing(ref, actor=SYSTEM)
    return time.monotonic() - began


def _wait(seen: list[Seen], wanted: int) -> None:
    until = time.monotonic() + LAST
    while any(len(one.order) < wanted for one in seen) and time.monotonic() < until:
        time.sleep(0.1)


def _rows(name: str, seen: list[Seen], wanted: int, before: float, spent: float, cpu_ms: float) -> list[Row]:
    healthy = seen[:HEALTHY]
    delays = sorted(delay * 1000 for one in healthy for delay in one.delays)
    lost = sum(wanted - len(one.order) for one in healthy)
    inverted = sum(_inversions(one.order) for one in healthy)
    attempts = sum(len(one.order) + one.again for one in seen[HEALTHY:])
    details = {
        "receivers": f"{HEALTHY} healthy, {len(seen) - HEALTHY} sick (500, 302, hangs, drips, resets)",
        "messages": f"{len(delays)} heard, {sum(one.again for one in healthy)} twice, {inverted} out of order",
        "tries at the sick": attempts,
        "pace": f"{PER_SECOND} changes/s asked, {wanted / spent:.0f} made, each to every endpoint",
        "relay CPU": f"{cpu_ms:.1f} ms a healthy message",
    }
    short = "webhooks" if name == ROUNDS[0] else "webhooks_sick"
    at = [delays[min(len(delays) - 1, int(len(delays) * share))] if delays else 0.0 for share in (0.5, 0.99)]
    return [
        Row(f"{short}_p50", "ms to the first attempt", at[0], losses=lost + inverted, details=details),
        Row(f"{short}_p99", "ms to the first attempt", at[1], peer=before or None, ship="≤ 2 × without the sick"),
    ]


def _inversions(order: list[tuple[str, int]]) -> int:
    last: dict[str, int] = {}
    wrong = 0
    for ref, sequence in order:
        wrong += sequence < last.get(ref, 0)
        last[ref] = max(sequence, last.get(ref, 0))
    return wrong
