"""`money`: repairing what was paid and not applied, comparing a bill, and what the clock's rounds cost when idle.

`--size` shrinks the crowds: at 1 they are 1 M open orders, 3 M attempts, a bill of 50,000 lines, and 20,000 payments
to apply with 1,500 among them that can never be applied.
"""

import gzip
import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from statistics import median
from typing import Any, Final

from django.db import connection
from django.test import Client

from bench import crowd, goods
from bench.report import Row
from bench.stand import Stand
from config.ground import clock
from orders.models import Order
from payments import billing, expiry, passes, refunds, syncing
from payments.aside import TRIES
from payments.billing import fetching, loading
from payments.gateways.bills import BEIJING, read_wechat
from payments.models import Attempt, Bill, Difference, Refund
from payments.passes import Budget

ORDERS, TRIES_EACH, LINES = 1_000_000, 3, 50_000  # open orders, attempts of each, lines of the bill
GOOD, POISON = 20_000, 1_500
ROUNDS = 40  # of each idle round
WRONG = 3  # of each kind of difference that is put into the bill
ACCOUNT: Final = "1900000001"
DAY: Final = date(2026, 1, 15)
HEAD: Final = (
    "交易时间,微信订单号,商户订单号,交易状态,微信退款单号,商户退款单号,退款状态,手续费,订单金额,申请退款金额,商品名称"
)
TOTAL: Final = "总交易单数,订单总金额,申请退款总金额"


def run(stand: Stand) -> list[Row]:
    """Measure."""
    size = stand.size
    stall = goods.market("money")
    _, key = goods.person("payer")
    order = _unpaid(stall, key)
    made = time.perf_counter()
    _crowd(order, max(1_000, round(ORDERS * size)), max(100, round(LINES * size)))
    made = time.perf_counter() - made
    idle = _idle(made)
    return [*idle, *_bill(), *_repair(order, round(GOOD * size), round(POISON * size))]


def _unpaid(stall: goods.Market, key: str) -> Order:
    """A fresh order that waits for money."""
    body = goods.order_body(stall, stall.first, method="WECHAT")
    answer = Client().post("/api/v1/orders", body, content_type="application/json", headers={"X-Api-Key": key})
    return Order.objects.get(public_id=answer.json()["orderId"])


def _attempt(order: Order, number: str) -> Attempt:
    now = clock.now()
    return Attempt.objects.create(
        order=order, seq=1, channel="WECHAT", merchant_account=ACCOUNT, out_trade_no=number, form="native",
        amount_minor=order.total_minor, state="SUCCESS", gateway_txn_no=number, paid_minor=order.total_minor,
        paid_currency="CNY", paid_at=now, recorded_at=now, bill_date=now.date(), gateway_expires_at=now,
    )  # fmt: skip


def _crowd(order: Order, orders: int, lines: int) -> None:
    """Open orders, none due; for each one paid attempt (`lines` of them a day, up to DAY) and others that ended."""
    numbers = range(1, orders + 1)
    first = _attempt(order, "template-1")
    base = Order.objects.latest("pk").pk
    own = {"id": f"{base} + n", "public_id": "'ord_crowd' || n", "expires_at": "now() + interval '1 day'"}
    crowd.copy(Order, order.pk, numbers, own)
    same = {"order_id": f"{base} + n", "next_sync_at": "NULL"}
    day = f"(date '{DAY.isoformat()}' - ((n - 1) / {lines})::int)"
    paid = {"public_id": "'pay_crowd' || n", "out_trade_no": "'crowd-' || n", "gateway_txn_no": "'4200' || n",
            "applied_at": "now()", "disposition": "'APPLIED'", "bill_date": day,
            "paid_at": f"{day} + interval '4 hours'"}  # fmt: skip
    crowd.copy(Attempt, first.pk, numbers, same | paid)
    for seq in range(2, TRIES_EACH + 1):
        ended = {"public_id": f"'pay_{seq}_' || n", "out_trade_no": f"'crowd{seq}-' || n", "seq": str(seq),
                 "gateway_txn_no": "NULL", "paid_minor": "NULL", "paid_at": "NULL", "bill_date": "NULL",
                 "recorded_at": "NULL", "paid_currency": "''", "state": "'CLOSED'"}  # fmt: skip
        crowd.copy(Attempt, first.pk, numbers, same | ended)
    refund = Refund.objects.create(
        attempt=first, idempotency_key="template", amount_minor=1, reason="MANUAL", state="SUCCESS",
        succeeded_at=clock.now(), next_try_at=None,
    )  # fmt: skip
    own = {
        "out_refund_no": "'crowd-' || n",
        "idempotency_key": "'crowd-' || n",
        "succeeded_at": "now() - interval '1 day'",
    }
    crowd.copy(Refund, refund.pk, range(1, orders // 10 + 1), own)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('orders_order', 'id'), %s)", [base + orders])
    crowd.settle("orders_order", "payments_attempt", "payments_refund")


def _idle(made: float) -> list[Row]:
    """What each round of the clock costs when nothing is to be done, and by which index it knows that."""
    Attempt.objects.filter(out_trade_no="template-1").update(applied_at=clock.now(), disposition="LATE")
    now = clock.now()
    rounds: dict[str, tuple[Any, str]] = {
        "expire": (expiry.due()[: expiry.BATCH], "orders_waiting_for_money"),
        "apply": (Attempt.objects.to_apply().filter(apply_tries__lt=TRIES)[: passes.PAGE], "money_not_yet_applied"),
        "sync": (syncing.due(now)[: syncing.BATCH], "attempts_due_to_sync"),
        "refunds": (refunds.pushing.due(now)[:100], "refunds_due"),
    }
    rows = []
    for name, (query, index) in rounds.items():
        plan = query.explain()
        ms = _median_ms(expiry.expire_due if name == "expire" else partial(_fetch, query))
        bar = "≤ 5" if name == "expire" else ""
        details = {"index": index if index in plan else f"not used: {plan}"}
        rows.append(Row(f"idle_{name}", "ms", ms, ship=bar, losses=int(index not in plan), details=details))
    counts = {"orders": Order.objects.count(), "attempts": Attempt.objects.count(), "made_in_s": round(made)}
    return [*rows, Row("crowd", "rows", sum(counts.values()) - counts["made_in_s"], details=counts)]


def _fetch(query: Any) -> list[Any]:
    return list(query.all())


def _median_ms(work: Callable[[], object]) -> float:
    spans = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        spans.append((time.perf_counter() - began) * 1000)
    return round(median(spans), 2)


def _bill() -> list[Row]:
    """Read, load and compare the bill of DAY, in which three lines of each kind are wrong."""
    text = "\r\n".join(_lines()).encode()
    packed, sha1 = gzip.compress(text), hashlib.sha1(text, usedforsecurity=False).hexdigest()
    row = Bill.objects.create(channel="WECHAT", merchant_account=ACCOUNT, day=DAY, why="not asked for yet")
    began = time.perf_counter()
    loaded = loading.load(row, read_wechat(DAY, packed, sha1))
    middle = time.perf_counter()
    bill = fetching.compare(loaded)
    done = time.perf_counter()
    kinds = {kind: Difference.objects.filter(kind=kind).count() for kind in ("GATEWAY_ONLY", "LOCAL_ONLY", "AMOUNT")}
    wrong = sum(abs(count - WRONG) for count in kinds.values()) + (bill.state != Bill.State.COMPARED)
    wrong += abs(bill.equal_count - (bill.line_count - 2 * WRONG)) + billing.overdue(datetime.now(tz=BEIJING))
    details = {"lines": bill.line_count, "equal": bill.equal_count, **kinds, "load_s": round(middle - began, 2),
               "compare_s": round(done - middle, 2), "attempts": Attempt.objects.count()}  # fmt: skip
    return [Row("bill", "s", round(done - began, 2), ship="≤ 10", losses=wrong, details=details)]


def _lines() -> Iterator[str]:
    names = ("out_trade_no", "gateway_txn_no", "paid_minor")
    paid = list(Attempt.objects.filter(bill_date=DAY, state="SUCCESS").order_by("pk").values_list(*names))
    foreign = [(f"foreign-{n}", f"99{n}", 500) for n in range(WRONG)]
    higher = [(no, txn, minor + 1) for no, txn, minor in paid[:WRONG]]
    told = [*higher, *paid[WRONG:-WRONG], *foreign]
    yield f"\ufeff{HEAD}"
    for no, txn, minor in told:
        fee = f"{minor * 60 / 1_000_000:.5f}"
        cells = (f"{DAY} 12:00:00", txn, no, "SUCCESS", "0", "0", "", fee, f"{minor / 100:.2f}", "0.00", "牛肉面")
        yield ",".join(f"`{cell}" for cell in cells)
    yield TOTAL
    yield f"`{len(told)},`{sum(minor for _no, _txn, minor in told) / 100:.2f},`0.00"


def _repair(order: Order, good: int, poison: int) -> list[Row]:
    """Apply what was recorded; every fourteenth or so can never be applied: its order's next event is taken."""
    first = goods.copies(order, good + poison)
    bad = (good + poison) // max(1, poison)  # one of so many
    model = _attempt(Order.objects.get(pk=first), "template-2")
    numbers = range(first + 1, first + good + poison)
    own = {"order_id": "n", "public_id": "'pay_repair' || n", "out_trade_no": "'repair-' || n",
           "gateway_txn_no": "'7700' || n", "next_sync_at": "NULL"}  # fmt: skip
    crowd.copy(Attempt, model.pk, numbers, own)
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO notifications_event (stream, version, type, data, "only", topics, actor, account, at,'
            " traceparent) SELECT 'order/ord_' || (%s + n), 2, e.type, e.data, e.\"only\", e.topics, e.actor,"
            "  e.account, e.at, e.traceparent FROM generate_series(%s, %s, %s) n, notifications_event e"
            "  WHERE e.stream = %s AND e.version = 1",
            [goods.FIRST_REF, first, first + bad * poison - 1, bad, order.stream],
        )
    crowd.settle("payments_attempt", "orders_order", "notifications_event")
    began, cpu = time.perf_counter(), time.process_time()
    counts = [passes.apply_money(Budget(600))]
    span, cpu = time.perf_counter() - began, time.process_time() - cpu
    counts += [passes.apply_money(Budget(600)) for _ in range(TRIES - 1)]
    everything = time.perf_counter() - began
    lost = abs(counts[0].repaired - good) + abs(sum(one.set_aside for one in counts) - poison) + counts[-1].left
    aside = sum(one.set_aside for one in counts)
    details = {"repaired": counts[0].repaired, "set_aside": aside, "left": counts[-1].left,
               "per_second": round(good / span), "our_cpu_ms_each": round(cpu * 1000 / (good + poison), 2),
               "until_all_poison_is_aside_s": round(everything, 1)}  # fmt: skip
    return [Row("repair", "s", round(span, 1), ship="≤ 300", losses=lost, details=details)]
