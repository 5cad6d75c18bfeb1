"""`statistics`: what the export costs to write, and what a shop's page costs over a million exported events.

The write rate is measured with orders and events of the database. For the page a million rows (times `--size`) of 20
shops over 60 days, one of which has a third of them, are made by DuckDB in the form of merged files, a file a day.
"""

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import duckdb
from django.db import connection, transaction
from django.test import Client

from bench import crowd, goods
from bench.report import Row
from bench.stand import Stand
from bench.targets.status import placed
from config.events import EXPORTED
from notifications.analytics import writing
from notifications.analytics.models import AnalyticsFile, AnalyticsState, name_of
from notifications.analytics.parquet import WRITTEN
from orders.models import Shop, User
from orders.span import Span
from orders.statistics.figures import read
from orders.statistics.questions import QUESTIONS, asking, today

EVENTS: Final = 1_000_000
REAL: Final = 60_000  # events that are written from the database, five of each order
DAYS: Final = 60
SHOPS: Final = 20
ROUNDS: Final = 7

LINES: Final = """
    INSERT INTO orders_orderline (order_id, line_no, product_id, name_en, name_zh, options, note_sealed, unit_minor,
                                  quantity, struck_quantity, is_counted, state)
    SELECT o.id, l.line_no, l.product_id, l.name_en, l.name_zh, l.options, l.note_sealed, l.unit_minor, l.quantity,
           l.struck_quantity, l.is_counted, l.state
    FROM orders_order o, orders_orderline l WHERE l.order_id = %(one)s AND o.id > %(one)s
"""
STEPS: Final = """
    INSERT INTO notifications_event (stream, version, type, data, "only", topics, actor, account, at, traceparent)
    SELECT 'order/' || o.public_id, e.version, e.type, e.data, '{}', '{}', 'merchant', '', now(), ''
    FROM orders_order o, (VALUES
        (2, 'order.paid', '{"paymentStatus": "PAID", "amountMinor": 5600, "channel": "WECHAT"}'::jsonb),
        (3, 'order.confirmed', '{"status": "CONFIRMED", "minutes": 15}'), (4, 'order.preparing', '{}'),
        (5, 'order.ready', '{"status": "READY"}')) AS e (version, type, data)
    WHERE o.id >= %(one)s
"""
NUMBER: Final = """
    UPDATE notifications_event SET position = r.n FROM
    (SELECT id AS this, row_number() OVER (ORDER BY id) AS n FROM notifications_event) AS r WHERE id = this
"""
MADE: Final = """
    COPY (SELECT * REPLACE (CASE WHEN n % 8 = 1 THEN [{'product_id': 'prd_' || n % 40, 'en': 'Dish ' || n % 40,
              'zh': '菜 ' || n % 40, 'unit_minor': 2600, 'units': 1 + n % 3}] END AS goods)
          FROM (SELECT $first + n AS position, $first + n AS event, 'order/ord_' || n // 8 AS stream,
              CAST(1 + n % 8 AS INTEGER) AS version, 'order.paid' AS type,
              CAST($start AS TIMESTAMPTZ) + to_seconds(86400.0 * n / $count) AS happened_at,
              'ord_' || n // 8 AS order_id,
              $shops[1 + CASE WHEN hash(n // 8) % 3 = 0 THEN 0 ELSE CAST(hash(n // 8) % len($shops) AS INTEGER) END]
                  AS shop_id, 'MEAL' AS trade, 'CNY' AS currency, 'gateway' AS actor,
              CASE WHEN n % 8 = 1 THEN 1 END AS arrived, CASE WHEN n % 80 = 7 THEN 1 END AS cancelled,
              CASE WHEN n % 80 = 7 THEN 'SOLD_OUT' END AS reason, CASE WHEN n % 8 = 1 THEN 5600 END AS paid_minor,
              CASE WHEN n % 80 = 5 THEN 2600 END AS returned_minor, CASE WHEN n % 80 = 7 THEN 3000 END AS lost_minor,
              CASE WHEN n % 8 = 2 THEN n % 300000 END AS accepted_in_ms,
              CASE WHEN n % 8 = 4 THEN n % 1800000 END AS prepared_in_ms, NULL::BIGINT AS delivered_in_ms,
              NULL::STRUCT(product_id VARCHAR, en VARCHAR, zh VARCHAR, unit_minor BIGINT, units INTEGER)[] AS goods,
              '{"status": "READY"}'::JSON AS data, n FROM range($count) AS made(n))
          ORDER BY shop_id, position) TO '{path}' ({written})
"""


def run(stand: Stand) -> list[Row]:
    """Measure."""
    stall = goods.market("counting")
    rows = [_writing(stall, stand)]
    shops = [stall.shop, *(_shop(number) for number in range(1, SHOPS))]
    made = _fill(shops, max(10_000, round(EVENTS * stand.size)))
    rows += [
        _reading(f"statistics, large shop, days: {days}", Span(shops[0], *_last(shops[0], days)), made)
        for days in (1, 7, 30)
    ]
    rows.append(_reading("statistics, small shop, days: 30", Span(shops[1], *_last(shops[1], 30)), {}))
    return [*rows, *_questions(shops[0]), _page(stall)]


def _writing(stall: goods.Market, stand: Stand) -> Row:
    """Write orders' events from the log into the folder, as the clock does; every position has to be there once."""
    _, buyer_key = goods.person("statistic")
    order = placed(stall, buyer_key)
    goods.copies(order, max(1_000, round(REAL * stand.size) // 5) - 1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE orders_order SET paid_at = placed_at, confirmed_at = placed_at, ready_at = placed_at")
        cursor.execute(LINES, {"one": order.pk})
        cursor.execute(STEPS, {"one": order.pk})
        cursor.execute(NUMBER)
    crowd.settle("orders_order", "orders_orderline", "notifications_event")
    store, began, cpu = writing.the_store(), time.perf_counter(), time.process_time()
    done = 0
    while written := writing.write(EXPORTED, store, at_once=True):
        done += written
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    paths = [str(store.local(name)) for name in AnalyticsFile.objects.values_list("name", flat=True)]
    told = duckdb.execute("SELECT count(*), count(DISTINCT position) FROM read_parquet(?)", [paths]).fetchone()
    rows, positions = told or (0, 0)
    size = sum(Path(path).stat().st_size for path in paths)
    cost = {"cpu_us_per_event": round(cpu * 1e6 / max(1, done), 1)}  # of this process: what another load does not move
    details = cost | {"events": done, "bytes_per_event": round(size / max(1, rows), 1), "files": len(paths)}
    losses = abs(done - rows) + abs(rows - positions)
    return Row("statistics, writing", "events/s", done / seconds, ship="≥ 5000", losses=losses, details=details)


def _shop(number: int) -> Shop:
    name = f"counted {number}"
    return Shop.objects.create(trade="MEAL", name_en=name, name_zh=name, latitude=31.23, longitude=121.47)


def _fill(shops: list[Shop], events: int) -> dict[str, Any]:
    """The files of DAYS days, up to yesterday."""
    root, count, size = Path(str(writing.the_store().local("x"))).parent, events // DAYS, 0
    for number in range(DAYS):
        day, first = today(shops[0]) - timedelta(days=number + 1), 10_000_000 + number * count
        name = name_of(day, first, first + count - 1)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        facts = {"first": first, "count": count, "start": f"{day} 00:00:00+00", "shops": [s.public_id for s in shops]}
        duckdb.execute(MADE.replace("{path}", str(root / name)).replace("{written}", WRITTEN), facts)
        bytes_ = (root / name).stat().st_size
        AnalyticsFile.objects.create(
            name=name, day=day, first=first, last=first + count - 1, level=1, rows=count, bytes=bytes_
        )
        size += bytes_
    AnalyticsState.objects.update(complete_until=f"{today(shops[0])} 00:00:00+00")
    return {"events": events, "days": DAYS, "MB": round(size / 2**20, 1)}


def _last(shop: Shop, days: int) -> tuple[date, date]:
    last = today(shop) - timedelta(days=1)
    return last - timedelta(days=days - 1), last


def _reading(name: str, span: Span, details: dict[str, Any]) -> Row:
    """All figures of a span and of the one before it, as the page asks for them."""
    store = writing.the_store()
    told = read(store, span)
    row = _row(name, lambda: read(store, span), "≤ 500")
    return Row(name, "ms", row.ours, ship=row.ship, details={**row.details, **details, "orders": told.now.orders})


def _questions(shop: Shop) -> list[Row]:
    """Each question alone, once the rows are taken."""
    span = Span(shop, *_last(shop, 30))
    with asking(writing.the_store(), span) as told:
        return [
            _row(f"statistics, {question}", lambda question=question: told.ask(question, span), "≤ 100")  # type: ignore[misc]
            for question in QUESTIONS
        ]


def _page(stall: goods.Market) -> Row:
    """The page itself, through every middleware and its template, 30 days of the large shop."""
    client = Client()
    client.force_login(User.objects.get(username="counting-owner"), "orders.signin.PhoneOrNameBackend")
    address = f"/merchant/{stall.shop.public_id}/statistics/?days=30"
    wrong = int(client.get(address).status_code != 200)
    return _row("statistics, the page", lambda: client.get(address), "≤ 600", losses=wrong)


def _row(name: str, work: Callable[[], object], bar: str, losses: int = 0) -> Row:
    took, cpu = [], time.process_time()
    for _round in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    cpu = (time.process_time() - cpu) * 1000 / ROUNDS
    return Row(name, "ms", median(took), ship=bar, losses=losses, details={"cpu_ms": round(cpu, 1)})
