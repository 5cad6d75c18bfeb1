"""`orders`: placing an order over HTTP beside pgbench doing the same statements; then the last twenty of each."""

from django.test import Client

from bench import goods, pgbench
from bench.client import UNIQUE, Job, Outcome, drive, fresh_numbers, request
from bench.report import Row
from bench.stand import Stand
from orders.models import Order, OrderLine, Stock

BUSY = 16  # connections of the busy leg
SESSIONS = 4  # of pgbench: as many as the web process has threads, each with its database connection
ON_SALE, BUYERS = 20, 60
SAMPLE_KEYS = "7000000000000001", "7000000000000002"


def run(stand: Stand) -> list[Row]:
    """Measure."""
    stall = goods.market("bench")
    _, key = goods.person("buyer")
    stand.start("web")
    try:
        return [*_pace(stand, stall, key), *(_last_twenty(stand, f"twenty{crowd}", crowd) for crowd in (16, 64))]
    finally:
        stand.stop("web")


def _pace(stand: Stand, stall: goods.Market, key: str) -> list[Row]:
    peer_script = _peer(stall, key)
    wishes = [_wish(stall, key, stall.first + n, stall.first + 50 + n * 7 % 50) for n in range(50)]
    numbers = fresh_numbers()
    alive = [request("GET", "/livez", {})]

    def leg(requests: list[str], connections: int, seconds: float) -> Outcome:
        return drive(Job(stand.web_port, requests, connections, seconds, first_unique=next(numbers)))

    leg(wishes, BUSY, 1.0)  # warm
    limit = leg(alive, BUSY, stand.seconds / 2)
    single = leg(wishes, 1, stand.seconds / 2)
    had, cpu = Order.objects.count(), stand.cpu_seconds("web")
    ours = leg(wishes, BUSY, stand.seconds)
    cpu_ms = (stand.cpu_seconds("web") - cpu) * 1000 / max(1, ours.answered)
    placed = Order.objects.count() - had
    peer = pgbench.run(stand, peer_script, clients=SESSIONS)
    followed = Order.objects.count() - had - placed
    crowded = pgbench.run(stand, peer_script, clients=BUSY)
    again = leg(alive, BUSY, stand.seconds / 2)
    losses = ours.lost + abs(placed - ours.statuses.get("201", 0)) + ours.answered - ours.statuses.get("201", 0)
    details = {
        "statuses": ours.statuses,
        "rows": f"{placed} placed, pgbench {followed} of {peer.done}",
        "client": f"{ours.client_ms:.3f} ms CPU a request",
        "statements": peer_script.count(";\n"),
        "pgbench": f"{SESSIONS} sessions, simple protocol as psycopg's; {BUSY} sessions {crowded.per_second:.0f}/s",
    }
    return [
        Row("orders", "orders/s", ours.per_second, peer.per_second, limit.per_second, again.per_second,
            "≥ 0.15 of peer", losses + abs(followed - peer.done) + peer.failed, details),
        Row("orders_cpu", "ms CPU an order", cpu_ms, ship="≤ 1.5"),
        Row("orders_p50_c1", "ms", single.p50_ms),
        Row("orders_p99_c1", "ms", single.p99_ms, ship="≤ 30"),
        Row("orders_p50_c16", "ms", ours.p50_ms),
        Row("orders_p99_c16", "ms", ours.p99_ms, ship="≤ 100"),
    ]  # fmt: skip


def _wish(stall: goods.Market, key: str, *products: int) -> str:
    headers = {"X-Api-Key": key, "Idempotency-Key": UNIQUE}
    return request("POST", "/api/v1/orders", headers, goods.order_body(stall, *products))


def _peer(stall: goods.Market, key: str) -> str:
    """One real order's statements, with its ids, key and goods made variable."""
    one, two = stall.first, stall.first + 50
    headers = {"X-Api-Key": key, "Idempotency-Key": SAMPLE_KEYS[0]}

    def call() -> str:
        body = goods.order_body(stall, one, two)
        answer = Client().post("/api/v1/orders", body, content_type="application/json", headers=headers)
        assert answer.status_code == 201, answer.content
        return str(answer.json()["orderId"])

    call()  # the first call of a day notes that the key was used
    headers["Idempotency-Key"] = SAMPLE_KEYS[1]
    taken: list[str] = []
    lines = pgbench.statements(lambda: taken.append(call()))
    replace = {
        taken[0]: "ord_:ref",
        SAMPLE_KEYS[1]: ":key",
        f"prd_{goods.FIRST_REF + one}": "prd_:one_ref",
        f"prd_{goods.FIRST_REF + two}": "prd_:two_ref",
        f"'{{{one},{two}}}'": "'{:one,:two}'",
    }
    variables = rf"""
\set ref random(2000000000000000, 8999999999999999)
\set key random(1000000000000000, 9999999999999999)
\set one random({one}, {one + 49})
\set two random({two}, {two + 49})
\set one_ref {goods.FIRST_REF} + :one
\set two_ref {goods.FIRST_REF} + :two
"""
    return pgbench.script(lines, variables, replace)


def _last_twenty(stand: Stand, name: str, crowd: int) -> Row:
    """Sixty buyers for twenty of each of three goods, all at once."""
    stall = goods.market(name, kinds=3, on_hand=ON_SALE)
    products = [stall.first + n for n in range(3)]
    keys = [goods.person(f"{name}-{n}")[1] for n in range(BUYERS)]
    wishes = [_wish(stall, key, product) for key in keys for product in products]
    outcome = drive(Job(stand.web_port, wishes, crowd, seconds=60, repeat=False, first_unique=next(fresh_numbers())))
    sold = [sum(OrderLine.objects.filter(product_id=key).values_list("quantity", flat=True)) for key in products]
    held = list(Stock.objects.filter(product_id__in=products).values_list("reserved", flat=True))
    refused = outcome.codes.get("out_of_stock", 0)
    other = len(wishes) - outcome.statuses.get("201", 0) - refused
    wrong = sum(abs(n - ON_SALE) for n in [*sold, *held]) + other
    details = {"sold": sold, "reserved": held, "refused": refused, "other": other, "p99_ms": round(outcome.p99_ms, 1)}
    return Row(f"last_twenty_c{crowd}", "sold of 60", sum(sold), ship="60", losses=wrong, details=details)
