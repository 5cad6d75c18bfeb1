"""A shop's statistics, asked of the exported files, are what the tables of PostgreSQL say; real services, at random."""

import io
import json
import random
import statistics
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models import Q, Sum

from config.ground import clock
from config.ground.problems import Refusal
from notifications.analytics import tidying, writing
from notifications.models import Event
from orders import services
from orders.actors import SYSTEM, as_merchant, as_rider
from orders.models import Order, OrderLine, Stock
from orders.services import Item
from orders.span import Span
from orders.statistics.facts import ORDER_FACTS, SAID
from orders.statistics.questions import QUESTIONS, asking
from payments import refunds, settle
from payments.gateways.base import RefundSeen, Seen
from payments.models import Attempt, Refund
from payments.services import collect_cash, request_refund
from payments.statements import reading as statements
from tests.notifications.export_world import number_all
from tests.payments.paying import hear
from tests.payments.test_returns import pay

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)  # ten in the evening of the shop
LOST = Q(cancel_reason="SOLD_OUT") | Q(cancel_reason="MERCHANT_REJECTED", cancel_detail="SOLD_OUT")


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    settings.ANALYTICS_URL = str(tmp_path / "export")
    settings.ANALYTICS_WORK = tmp_path / "work"


@pytest.fixture
def moved(monkeypatch):
    """A clock that moves only when it is told to."""
    moment = [FIRST]
    monkeypatch.setattr(clock, "now", lambda: moment[0])

    def move(seconds):
        moment[0] += timedelta(seconds=seconds)

    return move


def live_through(make_order, cast, noodles, dice, move):
    """One order with a random life; a refusal is a fine answer."""
    bruno, ravi = as_merchant(cast.bruno), as_rider(cast.ravi)
    is_cash = dice.random() < 0.3
    items = [Item(noodles.dumplings.public_id, dice.randrange(1, 4))]
    items += [Item(noodles.beef.public_id, 1, (noodles.mild.public_id,))] if dice.random() < 0.7 else []
    order = make_order(paid=False, items=items, method="CASH" if is_cash else "WECHAT", collects=dice.random() < 0.3)
    ref = order.public_id
    steps = {
        "pay": lambda: None if is_cash else pay(order),
        "confirm": lambda: services.confirm_order(ref, minutes=9, actor=bruno),
        "strike": lambda: services.strike_out_line(ref, 1, quantity=dice.randrange(1, 4), actor=bruno),
        "prepare": lambda: services.start_preparing(ref, actor=bruno),
        "ready": lambda: services.mark_ready(ref, actor=bruno),
        "claim": lambda: services.assign_carrier(ref, carrier=cast.ravi, actor=ravi),
        "go": lambda: services.pick_up(ref, carrier=cast.ravi, actor=ravi),
        "cash": lambda: collect_cash(ref, actor=bruno, amount_minor=Order.objects.get(pk=order.pk).total_minor),
        "there": lambda: services.complete_order(ref, actor=ravi),
        "back": lambda: request_refund(ref, amount_minor=dice.randrange(1, 900), reason="MANUAL", key=ref),
    }
    ends = {
        "cancel": lambda: services.cancel_order(ref, reason=dice.choice(["CUSTOMER", "STAFF"]), actor=SYSTEM),
        "reject": lambda: services.reject_order(ref, why=dice.choice(["BUSY", "SOLD_OUT"]), actor=bruno),
        "late": lambda: None if is_cash else pay_late(order),
    }
    way = [name for name in steps if dice.random() < 0.85]
    for name in dice.sample(sorted(ends), k=dice.choice([0, 0, 1, 2])):
        way.insert(dice.randrange(len(way) + 1), name)
    for name in way:
        move(dice.expovariate(1 / 200))
        try:
            (steps | ends)[name]()
        except Refusal:
            continue
        if name in {"strike", "cancel", "reject"}:
            hear(order, "line.struck_out", "order.cancelled")
        come_back()


def come_back():
    """Every refund that is on its way arrives."""
    for refund in Refund.objects.exclude(state="SUCCESS").select_related("attempt"):
        seen = RefundSeen(
            out_refund_no=refund.out_refund_no, out_trade_no=refund.attempt.out_trade_no, state="SUCCESS",
            gateway_refund_no="r", amount_minor=refund.amount_minor, merchant_account="m",
        )  # fmt: skip
        refunds.record_refund(seen)


def pay_late(order):
    """Money for an order that has ended, or a second time: recorded and given back, none of the order's."""
    if not Attempt.objects.filter(order=order).exists():
        return
    attempt = Attempt.objects.create(
        order=order, seq=2, channel="ALIPAY", merchant_account="m", out_trade_no=f"l-{order.number:08d}", form="page",
        amount_minor=order.total_minor, currency="CNY", gateway_expires_at=order.expires_at,
    )  # fmt: skip
    seen = Seen(
        out_trade_no=attempt.out_trade_no, state="SUCCESS", gateway_txn_no=f"l-{order.number}",
        amount_minor=order.total_minor, currency="CNY", paid_at=None, merchant_account="m", raw={},
    )  # fmt: skip
    settle.record_fact("ALIPAY", seen)
    settle.apply(attempt.public_id)


def export():
    number_all()
    writing.write(ORDER_FACTS, writing.the_store(), batch=300, at_once=True)


def answers(span):
    with asking(writing.the_store(), span) as told:
        return {question: told.ask(question, span) for question in QUESTIONS}


def waits(pairs):
    """(how many, median, p90) in milliseconds, by Python's own statistics."""
    found = sorted((end - start).total_seconds() * 1_000 for start, end in pairs)
    if len(found) < 2:
        return len(found), *(2 * found)
    return len(found), statistics.median(found), statistics.quantiles(found, n=10, method="inclusive")[8]


def same_waits(row, pairs):
    count, median, p90 = waits(pairs)
    assert row["orders"] == count
    assert row["median_ms"] == pytest.approx(median, abs=2)
    assert row["p90_ms"] == pytest.approx(p90, abs=2)


def test_a_random_walk_gives_the_figures_of_the_tables(make_order, cast, noodles, keyshop, moved):
    dice, shop = random.Random(1), noodles.shop
    shop.allows_collection = True
    shop.save()
    Stock.objects.update(on_hand=999)
    for _number in range(30):
        live_through(make_order, cast, noodles, dice, moved)
    export()
    span = Span(shop, date(2026, 11, 20), clock.now().astimezone(shop.tz).date())
    assert span.days > 1  # it went on beyond the shop's midnight
    told = answers(span)

    everything = Order.objects.filter(shop=shop)
    arrived = everything.filter(Q(method="CASH") | Q(paid_at__isnull=False))
    dead = arrived.filter(status="CANCELLED")
    assert 0 < dead.count() < arrived.count() < everything.count()
    assert sum(row["orders"] for row in told["orders"]) == arrived.count()
    assert sum(row["cancelled"] for row in told["orders"]) == dead.count()

    paid, returned = (everything.aggregate(n=Sum(name))["n"] for name in ("paid_minor", "returned_minor"))
    books = dict(statements.days(statements.Span(shop, span.first, span.last)))
    assert returned > 0
    assert sum(row["paid_minor"] for row in told["revenue"]) == paid
    assert sum(row["returned_minor"] for row in told["revenue"]) == returned
    assert {row["day"]: row["revenue_minor"] for row in told["revenue"]} == {
        day: sums.net_minor for day, sums in books.items()
    }

    taken = [order for order in arrived if order.confirmed_at]
    came = {order.pk: order.placed_at if order.method == "CASH" else order.paid_at for order in arrived}
    same_waits(told["acceptance"][0], [(came[order.pk], order.confirmed_at) for order in taken])
    same_waits(told["preparation"][0], [(order.confirmed_at, order.ready_at) for order in taken if order.ready_at])
    hours = Counter(moment.astimezone(shop.tz).hour for moment in came.values())
    assert {row["hour"]: row["orders"] for row in told["hours"]} == hours

    struck, gone = everything.aggregate(n=Sum("struck_minor"))["n"], list(dead.filter(LOST))
    (lost,) = told["sold_out"]
    assert (lost["lines_minor"], lost["orders"]) == (struck, len(gone))
    assert lost["orders_minor"] == sum(order.total_minor for order in gone) > 0
    assert lost["lost_minor"] == lost["lines_minor"] + lost["orders_minor"]

    why = Counter(f"{o.cancel_reason}.{o.cancel_detail}".rstrip(".") for o in dead)
    assert {row["reason"]: row["orders"] for row in told["cancellations"]} == why
    units = Counter()
    for line in OrderLine.objects.filter(order__in=arrived.exclude(status="CANCELLED")).select_related("product"):
        units[line.product.public_id] += line.left
    assert {row["product_id"]: row["units"] for row in told["goods"]} == +units

    tidying.tidy(ORDER_FACTS, writing.the_store(), at_once=True)
    assert answers(span) == told  # merged files say the same
    assert all(
        not rows or not any(rows[0].values()) for rows in answers(Span(keyshop.shop, span.first, span.last)).values()
    )


def every_row():
    """Every row of every file, as whoever has the bucket reads it."""
    paths = [str(path) for path in Path(settings.ANALYTICS_URL).glob("day=*/*.parquet")]
    answer = duckdb.execute("SELECT * FROM read_parquet(?, hive_partitioning=false)", [paths])
    names = [column[0] for column in answer.description]
    rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
    return [row | {"data": json.loads(row["data"])} for row in rows]


SECRETS = ("Ana", "Lima", "13800132071", "Maple", "coriander", "usr_", "MUSIC")


def test_nothing_about_a_person_and_no_key_goes_out(make_order, keyshop, cast):
    make_order("COMPLETED")
    make_order("CANCELLED")
    services.reject_order(
        make_order().public_id, why="OTHER", words="Ana Lima, 13800132071", actor=as_merchant(cast.bruno)
    )
    make_order("COMPLETED", shop_id=keyshop.shop.public_id, items=[Item(keyshop.card.public_id, 1)], address={})
    export()
    kinds = set(Event.objects.filter(stream__startswith="order/").values_list("type", flat=True))
    assert {"order.placed", "order.cancelled", "order.completed", "delivery.claimed"} <= kinds
    rows = every_row()
    assert len(rows) == Event.objects.filter(stream__startswith="order/").count() > 15
    text = repr(rows)
    assert [secret for secret in SECRETS if secret in text] == []
    assert {key for row in rows for key in row["data"]} <= SAID
    ids = set(Order.objects.values_list("public_id", flat=True))
    assert {row["order_id"] for row in rows} == ids


def said(*words, **options):
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def test_the_commands_write_tidy_list_and_answer(make_order, noodles, cast):
    order = make_order("COMPLETED")
    make_order("CANCELLED")
    number_all()
    assert said("analytics", "write") == f"{Event.objects.count()} events written, 0 behind\n"
    assert said("analytics", "files").count(".parquet") == 1
    assert "0 files merged" in said("analytics", "tidy")
    assert said("analytics", "stray") == ""
    stray = Path(settings.ANALYTICS_URL) / "day=2020-01-01" / "left.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"half")
    assert said("analytics", "stray") == "day=2020-01-01/left.parquet\n"
    assert said("analytics", "stray", "--delete").startswith("deleted")
    assert not stray.exists()
    shop, paid = ["--shop", noodles.shop.public_id], order.total_minor
    assert said("statistics", "revenue", *shop).splitlines()[1].endswith(f",{paid},0,{paid}")
    assert json.loads(said("statistics", "orders", *shop, "--format", "json"))[0]["orders"] == 1
    for wrong in (
        ["--shop", "res_none"],
        [*shop, "--from", "2026-11-02", "--to", "2026-11-01"],
        [*shop, "--from", "x"],
    ):
        with pytest.raises(CommandError):
            said("statistics", "orders", *wrong)
