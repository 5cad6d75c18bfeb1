"""The end of the time to pay: by the database's clock, whatever gateways and other orders do, once."""

from datetime import UTC, datetime, timedelta

import pytest

from config.ground import clock
from orders.actors import SYSTEM
from orders.models import Order, Stock
from orders.services import cancel_order
from orders.services.refusals import NotYetDue
from payments import expiry, settle, syncing
from payments.expiry import expire_due
from payments.gateways import GATEWAYS
from payments.models import Attempt
from tests.payments.conftest import until
from tests.payments.paying import at_once, fresh, start, types_of

pytestmark = pytest.mark.django_db(transaction=True)
REAL = clock.now


@pytest.fixture
def silent(simulator, door):
    simulator.faults(lost=1)
    return simulator


def set_deadline(order, seconds):
    Order.objects.filter(pk=order.pk).update(expires_at=REAL() + timedelta(seconds=seconds))


def skew(monkeypatch, **span):
    """Let this process believe in another time."""
    monkeypatch.setattr(clock, "now", lambda: datetime.now(tz=UTC) + timedelta(**span))


def test_a_worker_whose_clock_is_ahead_cancels_nothing_early(silent, make_order, monkeypatch):
    order = make_order(paid=False)
    set_deadline(order, 30)
    skew(monkeypatch, hours=1)
    assert expire_due() == 0
    with pytest.raises(NotYetDue):
        cancel_order(order.public_id, reason="PAYMENT_TIMEOUT", actor=SYSTEM)
    assert fresh(order).status == "PENDING"


def test_a_worker_whose_clock_is_behind_cancels_in_time(silent, make_order, monkeypatch):
    order = make_order(paid=False)
    attempt = start(order)
    set_deadline(order, -1)
    skew(monkeypatch, hours=-1)
    assert expire_due() == 1
    assert (fresh(order).status, fresh(attempt).state) == ("CANCELLED", "CLOSED")


def test_one_order_that_cannot_be_cancelled_stops_none_of_the_others(silent, make_order, monkeypatch):
    waiting = [make_order(paid=False) for _ in range(3)]
    for order in waiting:
        set_deadline(order, -5)
    failed, real = [], expiry.orders.cancel_order

    def cancel(order_id, **more):
        if order_id == waiting[0].public_id:
            failed.append(order_id)
            raise ValueError("a value that nothing can read")
        return real(order_id, **more)

    monkeypatch.setattr(expiry.orders, "cancel_order", cancel)
    assert expire_due(limit=1) == 2
    assert failed == [waiting[0].public_id]
    assert [fresh(order).status for order in waiting] == ["PENDING", "CANCELLED", "CANCELLED"]


def test_money_that_was_recorded_in_time_saves_its_order(silent, make_order):
    """The process died between recording and applying, and then the deadline came."""
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    settle.record_fact("WECHAT", GATEWAYS["WECHAT"].query(attempt.out_trade_no))
    set_deadline(order, -1)
    assert expire_due() == 0
    assert (fresh(order).payment_status, fresh(attempt).disposition) == ("PAID", "APPLIED")


def test_an_order_whose_recorded_money_cannot_be_applied_waits_with_it(silent, make_order, monkeypatch):
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    settle.record_fact("WECHAT", GATEWAYS["WECHAT"].query(attempt.out_trade_no))
    set_deadline(order, -1)
    tried = []

    def breaks(attempt_id):
        tried.append(attempt_id)
        raise ValueError("poison")

    monkeypatch.setattr(settle, "apply", breaks)
    assert expire_due() == 0
    assert tried == [attempt.public_id]
    assert fresh(order).status == "PENDING"


def test_a_gateway_that_hangs_delays_no_cancelling(silent, make_order, noodles):
    """More payments than threads, each answer later than anybody waits, and several pages."""
    many = 2 * 16 + 8
    Stock.objects.filter(product=noodles.dumplings).update(on_hand=1_000)
    waiting = [make_order(paid=False) for _ in range(many)]
    attempts = [start(order) for order in waiting]
    for order in waiting:
        set_deadline(order, -1)
    silent.faults(hang={"rate": 1, "on": "close"}, lost=1)
    assert expire_due(limit=15) == many
    assert silent.fired("hang") >= 1
    assert {fresh(order).status for order in waiting} == {"CANCELLED"}
    assert {fresh(attempt).state for attempt in attempts} == {"CLOSING"}
    assert Stock.objects.get(product=noodles.dumplings).reserved == 0
    silent.faults()
    GATEWAYS["WECHAT"]._breaker.__init__("WECHAT")
    Attempt.objects.update(next_sync_at=REAL())
    until(lambda: syncing.sync_due() + 1 and set(Attempt.objects.values_list("state", flat=True)) == {"CLOSED"})


def test_three_hundred_at_once_are_one_round(silent, make_order, noodles):
    """One call of the task, which comes every 5 s, ends all of them."""
    Stock.objects.filter(product=noodles.dumplings).update(on_hand=1_000)
    waiting = [make_order(paid=False) for _ in range(300)]
    Order.objects.update(expires_at=REAL() - timedelta(seconds=1))
    assert expire_due() == 300
    assert types_of(waiting[0]).count("order.cancelled") == 1


def test_a_lease_keeps_an_order_from_a_second_worker_and_ends_by_itself(silent, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    set_deadline(order, -1)
    Attempt.objects.filter(pk=attempt.pk).update(leased_until=REAL() + timedelta(seconds=30))
    assert expire_due() == 0
    Attempt.objects.filter(pk=attempt.pk).update(leased_until=REAL() - timedelta(seconds=1))
    assert sum(at_once(expire_due, expire_due, expire_due)) <= 1
    expire_due()
    assert types_of(order).count("order.cancelled") == 1


def test_the_gateways_deadline_comes_before_ours(silent, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    assert fresh(order).expires_at - attempt.gateway_expires_at == timedelta(seconds=60)
