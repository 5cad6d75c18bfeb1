"""`status`: a shop confirming orders over HTTP beside pgbench doing the same statements."""

import json

from django.test import Client

from bench import goods, pgbench
from bench.client import Job, drive, request
from bench.report import Row
from bench.stand import Stand
from bench.targets.orders import BUSY, SESSIONS
from notifications.models import Event
from orders.models import Order

MINUTES = json.dumps({"minutes": 15})
WARM = 200
OURS_PER_SECOND, PEER_PER_SECOND = 2_000, 8_000  # orders made ready: more than either can confirm


def run(stand: Stand) -> list[Row]:
    """Measure."""
    stall = goods.market("kitchen")
    _, buyer_key = goods.person("hungry")
    text = _peer(placed(stall, buyer_key), placed(stall, buyer_key), stall)
    ours = WARM + round(OURS_PER_SECOND * stand.seconds)
    share = round(PEER_PER_SECOND * stand.seconds) // SESSIONS
    first = goods.copies(placed(stall, buyer_key), ours + share * SESSIONS)
    wishes = [_confirm(first + n, stall.owner_key) for n in range(ours)]
    stand.start("web")
    try:
        return _pace(stand, wishes, text, {"first": first + ours, "share": share})
    finally:
        stand.stop("web")


def _pace(stand: Stand, wishes: list[str], text: str, defines: dict[str, int]) -> list[Row]:
    drive(Job(stand.web_port, wishes[:WARM], BUSY, repeat=False))
    alive = Job(stand.web_port, [request("GET", "/livez", {})], BUSY, seconds=stand.seconds / 2)
    limit = drive(alive)
    single = drive(Job(stand.web_port, wishes[WARM : WARM * 2], 1, repeat=False))
    had, cpu = _confirmed(), stand.cpu_seconds("web")
    ours = drive(Job(stand.web_port, wishes[WARM * 2 :], BUSY, seconds=stand.seconds, repeat=False))
    cpu_ms = (stand.cpu_seconds("web") - cpu) * 1000 / max(1, ours.answered)
    done = _confirmed() - had
    peer = pgbench.run(stand, text, clients=SESSIONS, k=0, **defines)
    followed = _confirmed() - had - done
    again = drive(alive)
    wrong = ours.answered - ours.statuses.get("200", 0) + abs(done - ours.statuses.get("200", 0)) + ours.lost
    details = {
        "statuses": ours.statuses,
        "rows": f"{done} confirmed, pgbench {followed} of {peer.done}",
        "statements": text.count(";\n"),
        "pgbench": f"{SESSIONS} sessions, simple protocol as psycopg's",
    }
    return [
        Row("status", "changes/s", ours.per_second, peer.per_second, limit.per_second, again.per_second,
            "≥ 0.15 of peer", wrong + abs(followed - peer.done) + peer.failed, details),
        Row("status_cpu", "ms CPU a change", cpu_ms),
        Row("status_p50_c1", "ms", single.p50_ms),
        Row("status_p99_c1", "ms", single.p99_ms),
        Row("status_p99_c16", "ms", ours.p99_ms),
    ]  # fmt: skip


def _confirmed() -> int:
    return Event.objects.filter(type="order.confirmed").count()


def placed(stall: goods.Market, key: str) -> Order:
    """A fresh order at this stall."""
    body = goods.order_body(stall, stall.first)
    answer = Client().post("/api/v1/orders", body, content_type="application/json", headers={"X-Api-Key": key})
    return Order.objects.get(public_id=answer.json()["orderId"])


def _confirm(pk: int, key: str) -> str:
    return request("POST", f"/api/v1/orders/ord_{goods.FIRST_REF + pk}/confirm", {"X-Api-Key": key}, MINUTES)


def _peer(earlier: Order, order: Order, stall: goods.Market) -> str:
    """One real confirmation's statements (not the day's first); each session confirms orders of its own."""

    def call(order: Order) -> None:
        path = f"/api/v1/orders/{order.public_id}/confirm"
        headers = {"X-Api-Key": stall.owner_key}
        answer = Client().post(path, MINUTES, content_type="application/json", headers=headers)
        assert answer.status_code == 200, answer.content

    call(earlier)
    variables = rf"""
\set k :k + 1
\set pk :first + :client_id * :share + :k
\set ref {goods.FIRST_REF} + :pk
"""
    replace = {order.public_id: "ord_:ref", f"WHERE id = {order.pk} AND version": "WHERE id = :pk AND version"}
    return pgbench.script(pgbench.statements(lambda: call(order)), variables, replace)
