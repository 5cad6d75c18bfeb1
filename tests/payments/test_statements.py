"""A shop's statement equals the books to the fen, however its movements fall over days, pages and files."""

import csv
import io
import random
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction

from config.ground.sheets import plain
from orders import services as orders
from orders.actors import SYSTEM, as_merchant, as_rider
from orders.span import Span
from payments import ledger
from payments.cash.in_hand import pocket, till
from payments.ledger import Movement
from payments.models import Attempt, LedgerEntry, LedgerPosting
from payments.services import collect_cash, hand_in_cash, receive_cash, request_refund
from payments.statements import reading as statements
from payments.statements.file import BOM, COLUMNS, cells, file_of
from payments.statements.reading import Line
from tests.payments.paying import fresh
from tests.payments.test_returns import all_back, pay

pytestmark = pytest.mark.django_db(transaction=True)

NOVEMBER = (date(2026, 11, 1), date(2026, 11, 30))


def earned(shop, *, start=None, end=None):
    """What the ledger says that a shop earned, asked without any code of the statement."""
    rows = LedgerPosting.objects.filter(entry__shop=shop)
    rows = rows.filter(entry__booked_at__gte=start) if start else rows
    rows = rows.filter(entry__booked_at__lt=end) if end else rows
    return -sum(
        row.amount_minor
        for row in rows.select_related("account")
        if row.account.name.startswith("revenue:") or row.account.name == "expense:gateway_fee"
    )


def book(kind, shop, at, postings, ref):
    with transaction.atomic():
        ledger._post(Movement(ref, LedgerEntry.Kind(kind), shop.pk, order_ref="", at=at), postings)


def random_books(shop, seed, n=120):
    """So many movements of every kind at random moments of three days around two midnights; some never touch it."""
    dice, till_of = random.Random(seed), ledger.till_of(shop)
    start = datetime(2026, 11, 18, 12, tzinfo=UTC)
    for number in range(n):
        at = start + timedelta(seconds=dice.randrange(3 * 86_400))
        amount = dice.randrange(1, 500_00)
        kind, postings = dice.choice([
            ("PAYMENT", {"gateway:WECHAT": amount, "revenue:MEAL": -amount}),
            ("PAYMENT", {till_of: amount, "revenue:MEAL": -amount}),
            ("PAYMENT", {"gateway:ALIPAY": amount, "suspense": -amount}),
            ("REFUND", {"gateway:WECHAT": -amount, "revenue:MEAL": amount}),
            ("REFUND", {till_of: -amount, "revenue:MEAL": amount}),
            ("REFUND", {"gateway:ALIPAY": -amount, "suspense": amount}),
            ("FEE", {"gateway:WECHAT": -amount, "expense:gateway_fee": amount}),
            ("CASH", {till_of: -amount, "bank": amount}),
            ("CASH", {"cash:rider:usr_x": -amount, till_of: amount}),
            ("CASH", {"cash:rider:usr_x": -amount, till_of: amount + 7, "expense:cash_difference": -7}),
        ])  # fmt: skip
        book(kind, shop, at, postings, f"walk:{seed}:{number}")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
def test_every_way_to_ask_gives_what_the_ledger_says(noodles, grocery, seed, zone):
    shop = noodles.shop
    shop.zone = zone
    shop.save()
    random_books(shop, seed)
    random_books(grocery.shop, seed + 100, 20)  # of another shop, never seen here
    span = Span(shop, *NOVEMBER)
    told = statements.statement(span)
    assert told.closing_minor == told.sums.net_minor == earned(shop)
    assert told.till_closing_minor == ledger.balance(ledger.till_of(shop))
    lines = list(statements.every_line(span))
    assert sum(line.amount_minor for line in lines) == told.sums.net_minor
    assert sum(line.till_minor for line in lines) == told.sums.till_minor
    assert len(lines) == told.sums.movements < LedgerEntry.objects.filter(shop=shop).count()
    for name, kind, sign in (("paid_minor", "paid", 1), ("refunded_minor", "refund", -1), ("fees_minor", "fee", -1)):
        assert getattr(told.sums, name) == sign * sum(line.amount_minor for line in lines if line.kind == kind)
    file = list(csv.DictReader(io.StringIO("".join(file_of(span)).removeprefix(BOM))))
    assert sum(round(float(row["amount"]) * 100) for row in file) == told.sums.net_minor
    by_day = statements.days(span)
    assert sum(sums.net_minor for _day, sums in by_day) == told.sums.net_minor
    carried = till_carried = 0
    for day, sums in by_day:
        one = statements.statement(Span(shop, day, day))
        assert (one.opening_minor, one.till_opening_minor, one.sums) == (carried, till_carried, sums)
        carried, till_carried = one.closing_minor, one.till_closing_minor
        assert one.sums.net_minor == earned(shop, start=one.span.start, end=one.span.end)
    assert (carried, till_carried) == (told.closing_minor, told.till_closing_minor)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_pages_leave_nothing_out_and_repeat_nothing(noodles, size):
    random_books(noodles.shop, 7, 40)
    span, found, after = Span(noodles.shop, *NOVEMBER), [], ""
    while True:
        page, after = statements.lines(span, after=after, limit=size)
        assert len(page) <= size
        found += page
        if not after:
            break
    assert found == list(statements.every_line(span))
    assert len({line.ref for line in found}) == len(found) == statements.statement(span).sums.movements


def test_a_cursor_of_another_shop_is_none(noodles, grocery):
    random_books(grocery.shop, 1, 3)
    with pytest.raises(LedgerEntry.DoesNotExist):
        statements.lines(Span(noodles.shop, *NOVEMBER), after=LedgerEntry.objects.first().ref)


def test_a_day_ends_at_midnight_of_the_shop(noodles):
    """Half past midnight in Shanghai is the evening before in UTC, and belongs to the new day."""
    at = datetime(2026, 11, 19, 16, 30, tzinfo=UTC)
    book("PAYMENT", noodles.shop, at, {"gateway:WECHAT": 700, "revenue:MEAL": -700}, "night")
    assert [day for day, _sums in statements.days(Span(noodles.shop, *NOVEMBER))] == [date(2026, 11, 20)]
    assert statements.first_day(noodles.shop) == date(2026, 11, 20)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_walk_through_the_services_adds_up(make_order, cast, noodles, seed):
    """Payments by gateway, rider and counter, refunds of lines and of the rest, hand-ins with differences."""
    dice, shop = random.Random(seed), noodles.shop
    steps = ["online"] * 4 + ["door"] * 3 + ["counter"] * 3
    dice.shuffle(steps)
    for step in steps:
        if step == "online":
            order = make_order(paid=False)
            pay(order)
            if dice.random() < 0.6:
                request_refund(
                    order.public_id, amount_minor=dice.randrange(1, 900), reason="MANUAL", key=f"k{order.pk}"
                )
            if dice.random() < 0.4:
                orders.strike_out_line(order.public_id, 2, actor=as_merchant(cast.bruno))
            if dice.random() < 0.3:
                orders.cancel_order(order.public_id, reason="STAFF", actor=SYSTEM)
            all_back()
        elif step == "door":
            order = make_order("ON_DELIVERY", method="CASH")
            collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor)
        else:
            order = make_order("READY", method="CASH", collects=True)
            collect_cash(order.public_id, actor=as_merchant(cast.bea), amount_minor=order.total_minor)
        if step == "door" and dice.random() < 0.5:
            hand_over(pocket(cast.ravi), shop.public_id, cast.ravi, cast.bea, dice.choice([0, -5, 5]))
        if step == "counter" and dice.random() < 0.5:
            hand_over(till(shop), "", cast.bea, cast.sam, dice.choice([0, -5, 5]))
    today = shop.created_at.astimezone(shop.tz).date()
    told = statements.statement(Span(shop, today - timedelta(days=1), today + timedelta(days=1)))
    applied = Attempt.objects.filter(order__shop=shop, disposition="APPLIED")
    assert told.closing_minor == earned(shop) == sum(one.paid_minor - one.refunded_minor for one in applied)
    assert told.closing_minor == -ledger.balance("revenue:MEAL")
    assert told.till_closing_minor == ledger.balance(ledger.till_of(shop))
    assert sum(row.balance_minor for row in ledger.trial_balance()) == 0


def hand_over(holder, to_shop, by, receiver, off_by):
    amount = ledger.balance(holder.account)
    made = hand_in_cash(holder, counted_minor=amount, expected_minor=amount, to_shop=to_shop, by=by)
    receive_cash(made.public_id, received_minor=amount + off_by, words="counted twice", by=receiver)
    assert fresh(made).difference_minor == off_by


def test_a_line_says_by_which_way_the_money_came(make_order, cast, noodles):
    door = make_order("ON_DELIVERY", method="CASH")
    counter = make_order("READY", method="CASH", collects=True)
    pay(make_order(paid=False))
    collect_cash(door.public_id, actor=as_rider(cast.ravi), amount_minor=door.total_minor)
    collect_cash(counter.public_id, actor=as_merchant(cast.bea), amount_minor=counter.total_minor)
    hand_over(pocket(cast.ravi), noodles.shop.public_id, cast.ravi, cast.bea, 0)
    hand_over(till(noodles.shop), "", cast.bea, cast.sam, 0)
    today = noodles.shop.created_at.astimezone(noodles.shop.tz).date()
    lines = statements.every_line(Span(noodles.shop, today, today + timedelta(days=1)))
    assert [(line.kind, line.way, line.number) for line in lines] == [
        ("paid", "WECHAT", door.number + 2),
        ("paid", "RIDER", door.number),
        ("paid", "TILL", counter.number),
        ("cash", "RIDER", None),
        ("cash", "BANK", None),
    ]


def test_the_file_has_a_mark_a_head_and_amounts_as_decimals(noodles):
    at = datetime(2026, 11, 19, 16, 30, 7, tzinfo=UTC)
    book("REFUND", noodles.shop, at, {"gateway:WECHAT": -50, "revenue:MEAL": 50}, "refund:rf_1")
    pieces = list(file_of(Span(noodles.shop, *NOVEMBER)))
    assert "".join(pieces).encode().startswith(b"\xef\xbb\xbftime,order,")
    assert pieces[0] == BOM + ",".join(COLUMNS) + "\r\n"
    assert pieces[1] == "2026-11-20T00:30:07+08:00,,,refund,WECHAT,-0.50,0.00,CNY,refund:rf_1\r\n"


@pytest.mark.parametrize("text", ["=1+1", "+86", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", "－1"])
def test_no_cell_is_a_formula(text, noodles):
    assert plain(text) == f"'{text}"
    line = Line(text, datetime(2026, 11, 20, tzinfo=UTC), "paid", text, text, None, -5, 0)
    shown = cells(line, UTC, "CNY")
    assert [cell for cell in shown if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "－"))] == ["-0.05"]
