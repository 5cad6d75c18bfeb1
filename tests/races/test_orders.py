"""Races over orders, in pairs, with real threads and real transactions: one winner, nothing sold twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections, transaction

from config.ground.problems import Refusal
from orders import services
from orders.actors import SYSTEM, as_customer, as_rider
from orders.models import Key, KeyIssue, Order, Stock
from orders.services import Item, Placement
from tests.conftest import ADDRESS

pytestmark = pytest.mark.django_db(transaction=True)


def race(*contenders):
    """Run all at once; returns each one's answer or the code of its refusal, in order."""
    start = Barrier(len(contenders))

    def run(contender):
        try:
            connections["default"].ensure_connection()
            start.wait(timeout=20)
            return contender()
        except Refusal as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(contenders)) as pool:
        return list(pool.map(run, contenders))


@pytest.mark.parametrize("_round", range(10))
def test_pay_and_cancel_have_one_winner(make_order, cast, _round):
    order = make_order("PENDING", paid=False)
    outcomes = race(
        lambda: services.mark_paid(order.public_id, amount_minor=8400, channel="WECHAT").payment_status,
        lambda: services.cancel_order(order.public_id, reason="CUSTOMER", actor=as_customer(cast.ana)).status,
    )
    row = Order.objects.get(pk=order.pk)
    assert outcomes[1] == "CANCELLED"  # a paid order may still be cancelled; then its money goes back
    assert row.status == "CANCELLED"
    assert (row.payment_status == "PAID") == (outcomes[0] == "PAID")
    assert row.version == (3 if outcomes[0] == "PAID" else 2)


@pytest.mark.parametrize("_round", range(10))
def test_time_out_and_pay_never_both_win(make_order, _round):
    order = make_order("PENDING", paid=False)
    _expire(order)
    outcomes = race(
        lambda: services.mark_paid(order.public_id, amount_minor=8400, channel="WECHAT").payment_status,
        lambda: services.cancel_order(order.public_id, reason="PAYMENT_TIMEOUT", actor=SYSTEM).status,
    )
    assert sorted(outcomes) in (["PAID", "wrong_moment"], ["CANCELLED", "wrong_moment"])


def _expire(order):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET expires_at = now() - interval '1 s' WHERE id = %s", [order.pk])


def test_two_claims_have_one_winner(make_order, cast):
    order = make_order("READY")
    riders = [cast.ravi, cast.mallory]
    outcomes = race(
        *(
            lambda rider=rider: services.assign_carrier(order.public_id, carrier=rider, actor=as_rider(rider)).public_id
            for rider in riders
        )
    )
    assert sorted(outcomes) == sorted([order.public_id, "already_claimed"])


def _buy(cast, shop, product, times, workers=16):
    """`times` buyers at once through `workers` connections; returns how often each outcome came."""

    def one(_number):
        try:
            placement = Placement(shop.public_id, [Item(product.public_id, 1)], "WECHAT", ADDRESS)
            services.place_order(placement, customer=cast.ana)
        except Refusal as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "sold"

    with ThreadPoolExecutor(workers) as pool:
        return Counter(pool.map(one, range(times)))


def test_the_last_twenty_are_sold_exactly_once_to_two_hundred(cast, noodles):
    assert _buy(cast, noodles.shop, noodles.dumplings, 200) == {"sold": 20, "out_of_stock": 180}
    stock = Stock.objects.get(product=noodles.dumplings)
    assert (stock.on_hand, stock.reserved) == (20, 20)


def test_the_last_item_is_sold_once_to_two_hundred(cast, noodles):
    Stock.objects.filter(product=noodles.dumplings).update(on_hand=1)
    assert _buy(cast, noodles.shop, noodles.dumplings, 200) == {"sold": 1, "out_of_stock": 199}


def test_the_last_key_is_sold_once_to_two_hundred(cast, keyshop):
    last = Key.objects.first()
    Key.objects.exclude(pk=last.pk).update(state="VOID")
    assert _buy(cast, keyshop.shop, keyshop.card, 200) == {"sold": 1, "out_of_stock": 199}
    assert KeyIssue.objects.get().key_id == last.pk


def test_a_buyer_who_rolls_back_makes_no_false_sold_out(cast, keyshop):
    """One holds the last key and gives it up; the other waits for it instead of hearing "sold out"."""
    last = Key.objects.first()
    Key.objects.exclude(pk=last.pk).update(state="VOID")
    held, may_leave = Barrier(2), Barrier(2)

    def hold_and_leave():
        try:
            with transaction.atomic():
                Key.objects.select_for_update(no_key=True).get(pk=last.pk)
                held.wait(timeout=20)
                may_leave.wait(timeout=20)
                transaction.set_rollback(True)
            return "left"
        finally:
            connections.close_all()

    def buy():
        held.wait(timeout=20)
        with ThreadPoolExecutor(1) as one:
            sale = one.submit(_buy, cast, keyshop.shop, keyshop.card, 1, 1)
            _wait_until_somebody_waits_for_a_lock()
            may_leave.wait(timeout=20)
            return sale.result(timeout=20)

    with ThreadPoolExecutor(2) as pool:
        leaving, buying = pool.submit(hold_and_leave), pool.submit(buy)
        assert leaving.result(timeout=30) == "left"
        assert buying.result(timeout=30) == {"sold": 1}


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def _wait_until_somebody_waits_for_a_lock():
    """The fault fires only when the buyer really met the locked row."""
    try:
        with connections["default"].cursor() as cursor:
            for _try in range(100_000):
                cursor.execute(WAITING)
                if cursor.fetchone()[0]:
                    return
    finally:
        connections.close_all()
    raise AssertionError("nobody ever waited for the lock")


def test_the_same_idempotency_key_at_once_makes_one_order(cast, noodles):
    def place():
        def work():
            placement = Placement(noodles.shop.public_id, [Item(noodles.dumplings.public_id, 1)], "WECHAT", ADDRESS)
            return 201, {"orderId": services.place_order(placement, customer=cast.ana).public_id}

        return services.once(cast.ana.public_id, "createOrder", "k1", b"body", work).body["orderId"]

    outcomes = race(*[place] * 8)
    assert len(set(outcomes)) == 1
    assert Order.objects.count() == 1
    assert Stock.objects.get(product=noodles.dumplings).reserved == 1
