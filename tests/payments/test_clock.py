"""What payments do by the clock: deadlines, questions nobody answered, refunds, repairs. Each is safe to repeat."""

from datetime import timedelta

import pytest
from django.db import transaction

from config.ground import clock
from orders import services as orders
from orders.actors import SYSTEM, as_merchant
from orders.models import Order, Stock
from payments import ledger, reconcile, refunds, settle
from payments.expiry import expire_due
from payments.gateways import GATEWAYS
from payments.gateways.base import RefundSeen
from payments.models import Attempt, Difference, Refund, Run
from payments.refunds import push_due
from payments.refusals import GatewayUnreachable, PaymentClosed
from payments.services import request_refund, start_payment
from payments.syncing import sync_due
from tests.payments.conftest import until
from tests.payments.paying import at_once, fresh, hear, refunds_of, start, types_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def silent(simulator, door):
    """No notification ever arrives."""
    simulator.faults(lost=1)
    return simulator


def make_due(order):
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() - timedelta(seconds=1))


def ask_now():
    Attempt.objects.filter(next_sync_at__isnull=False).update(next_sync_at=clock.now())
    return sync_due()


def push_now():
    Refund.objects.filter(next_try_at__isnull=False).update(next_try_at=clock.now())
    return push_due()


def test_an_unpaid_order_ends_at_its_deadline_and_frees_everything(silent, make_order, noodles):
    order = make_order(paid=False)
    attempt = start(order)
    assert expire_due() == 0, "not before the deadline"
    make_due(order)
    assert expire_due() == 1
    order = fresh(order)
    assert (order.status, order.cancel_reason, order.payment_status) == ("CANCELLED", "PAYMENT_TIMEOUT", "UNPAID")
    assert silent.trade(attempt.out_trade_no)["state"] == "CLOSED"
    assert fresh(attempt).state == "CLOSED"
    assert Stock.objects.get(product=noodles.dumplings).reserved == 0
    assert expire_due() == 0


def test_closing_that_finds_money_saves_the_order(silent, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    make_due(order)
    assert expire_due() == 0
    assert silent.fired("lost") == 1
    asked = [line["operation"] for line in silent.ask("log")["log"] if line["what"] == "call"]
    assert asked == ["create", "close", "query"]
    assert (fresh(order).status, fresh(order).payment_status) == ("PENDING", "PAID")
    assert fresh(attempt).disposition == "APPLIED"


def test_a_dead_gateway_does_not_keep_an_order_alive(silent, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    make_due(order)
    silent.faults(error_before={"rate": 1, "on": "close"}, lost=1)
    assert expire_due() == 1
    assert silent.fired("error_before") == 1
    assert (fresh(order).status, fresh(attempt).state) == ("CANCELLED", "CLOSING")
    silent.pay(attempt.out_trade_no)
    silent.faults()
    assert ask_now() == 1
    assert fresh(attempt).disposition == "LATE"
    assert len(refunds_of(attempt)) == 1


def test_two_runs_at_once_cancel_each_order_once(silent, make_order):
    waiting = [make_order(paid=False) for _ in range(4)]
    for order in waiting:
        start(order)
        make_due(order)
    counts = at_once(expire_due, expire_due, expire_due)
    expire_due()
    assert sum(counts) <= 4
    assert [types_of(order).count("order.cancelled") for order in waiting] == [1, 1, 1, 1]


def test_a_lost_notification_is_found_by_asking(silent, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    until(lambda: silent.fired("lost"))
    due = fresh(attempt).next_sync_at - fresh(attempt).created_at
    assert due <= timedelta(seconds=5)
    assert ask_now() == 1
    assert fresh(order).payment_status == "PAID"
    assert fresh(attempt).next_sync_at is None


def test_a_create_call_without_an_answer_is_repeated_under_the_same_number(silent, make_order):
    silent.faults(error_after={"rate": 1, "on": "create", "times": 1})
    order = make_order(paid=False)
    attempt = start(order)
    assert silent.fired("error_after") == 1
    assert (attempt.state, attempt.has_a_way) == ("UNKNOWN", False)
    ask_now()
    again = fresh(attempt)
    assert (again.state, again.out_trade_no, again.has_a_way) == ("PENDING", attempt.out_trade_no, True)
    assert len(silent.ask("trades")["trades"]) == 1


def test_a_channel_that_failed_often_is_refused_at_once_and_the_other_is_offered(silent, make_order):
    silent.faults(error_before={"rate": 1, "on": "create"})
    for _ in range(5):
        start(make_order(paid=False))
    assert silent.fired("error_before") == 5
    order = make_order(paid=False)
    with pytest.raises(GatewayUnreachable) as no:
        start(order)
    assert "Try Alipay" in no.value.detail
    assert (fresh(order).payment_status, Attempt.objects.filter(order=order).count()) == ("UNPAID", 0)
    assert start(order, "ALIPAY").redirect_url


def test_starting_again_is_the_same_attempt_and_changing_closes_the_first(silent, make_order):
    order = make_order(paid=False)
    first = start(order)
    assert start(order).pk == first.pk
    same = at_once(*[lambda: start(order).pk] * 6)
    assert set(same) == {first.pk}
    second = start(order, "ALIPAY")
    assert second.redirect_url
    assert silent.trade(first.out_trade_no)["state"] == "CLOSED"
    assert [fresh(first).state, fresh(second).state] == ["CLOSED", "PENDING"]


def test_nothing_can_be_started_after_the_gateways_deadline(silent, make_order):
    order = make_order(paid=False)
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() + timedelta(seconds=50))
    with pytest.raises(PaymentClosed):
        start(order)


def test_cancelling_while_the_gateway_is_away_goes_on_closing(silent, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    silent.faults(error_before={"rate": 1, "on": "close"})
    orders.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    hear(order, "order.cancelled")
    assert (fresh(attempt).state, fresh(order).payment_status) == ("CLOSING", "UNPAID")
    ask_now()
    assert silent.fired("error_before") == 1
    assert fresh(attempt).state == "CLOSING"
    silent.faults()
    ask_now()
    assert (fresh(attempt).state, silent.trade(attempt.out_trade_no)["state"]) == ("CLOSED", "CLOSED")


def test_a_page_nobody_opened_is_closed_for_good_at_its_deadline(silent, make_order):
    order = make_order(paid=False)
    attempt = start(order, "ALIPAY")
    make_due(order)
    assert expire_due() == 1
    assert fresh(attempt).state == "CLOSING", "its address still works at the gateway"
    Attempt.objects.filter(pk=attempt.pk).update(gateway_expires_at=clock.now())
    ask_now()
    assert fresh(attempt).state == "CLOSED"


@pytest.fixture
def paid(simulator, door, make_order):
    """An order whose money came in and was applied."""
    order = make_order(paid=False)
    attempt = start(order)
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    return fresh(order), fresh(attempt)


@pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
def test_a_rejected_order_gets_all_of_it_back(channel, simulator, door, make_order, cast):
    order = make_order(paid=False)
    attempt = start(order, channel)
    if attempt.redirect_url:
        simulator.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    orders.reject_order(order.public_id, why="BUSY", words="", actor=as_merchant(cast.bruno))
    hear(order, "order.cancelled")
    hear(order, "order.cancelled")
    [refund] = refunds_of(attempt)
    assert (refund.reason, refund.amount_minor) == ("MERCHANT_REJECT", order.total_minor)
    push_now()
    until(lambda: push_now() + 1 and fresh(refund).state == "SUCCESS")
    assert fresh(order).payment_status == "REFUNDED"
    assert simulator.trade(attempt.out_trade_no)["refunded"] == order.total_minor
    assert ledger.balance(f"gateway:{channel}") == 0
    assert ledger.balance("revenue:MEAL") == 0


def test_a_struck_out_line_gets_its_price_back(simulator, paid, cast):
    order, attempt = paid
    orders.strike_out_line(order.public_id, 2, actor=as_merchant(cast.bruno))
    hear(order, "line.struck_out")
    hear(order, "line.struck_out")
    [refund] = refunds_of(attempt)
    assert (refund.reason, refund.amount_minor, refund.item["en"]) == ("STRUCK_OUT", 2200, "Dumplings")
    until(lambda: push_now() + 1 and fresh(refund).state == "SUCCESS")
    assert (fresh(order).payment_status, fresh(order).returned_minor) == ("PARTLY_REFUNDED", 2200)
    orders.cancel_order(order.public_id, reason="STAFF", words="the kitchen burnt down", actor=SYSTEM)
    hear(order, "order.cancelled")
    rest = Refund.objects.get(attempt=attempt, reason="MANUAL")
    assert rest.amount_minor == attempt.paid_minor - 2200
    until(lambda: push_now() + 1 and fresh(rest).state == "SUCCESS")
    assert (fresh(order).payment_status, simulator.trade(attempt.out_trade_no)["refunded"]) == (
        "REFUNDED",
        attempt.paid_minor,
    )


def test_a_refund_whose_answer_got_lost_happens_once(simulator, paid):
    order, attempt = paid
    simulator.faults(error_after={"rate": 1, "on": "refund", "times": 1}, lost=1)
    refund = request_refund(order.public_id, reason="MANUAL", words="sorry", key="one")
    push_now()
    assert simulator.fired("error_after") == 1
    assert fresh(refund).state == "UNKNOWN"
    until(lambda: push_now() + 1 and fresh(refund).state == "SUCCESS")
    assert simulator.trade(attempt.out_trade_no)["refunded"] == attempt.paid_minor
    assert fresh(attempt).refunded_minor == attempt.paid_minor


def test_late_money_returns_without_touching_the_orders_payment(simulator, door, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    make_due(order)
    simulator.faults(error_before={"rate": 1, "on": "close"})
    assert expire_due() == 1
    assert simulator.fired("error_before") == 1
    simulator.faults()
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(attempt).disposition == "LATE")
    [refund] = refunds_of(attempt)
    until(lambda: push_now() + 1 and fresh(refund).state == "SUCCESS")
    assert (fresh(order).status, fresh(order).payment_status) == ("CANCELLED", "UNPAID")
    assert types_of(order)[-1] == "refund.succeeded"
    assert (ledger.balance("suspense"), ledger.balance("gateway:WECHAT")) == (0, 0)


def test_a_failure_told_after_the_success_is_ignored(paid, simulator):
    order, attempt = paid
    refund = request_refund(order.public_id, reason="MANUAL", key="one")
    until(lambda: push_now() + 1 and fresh(refund).state == "SUCCESS")
    late = RefundSeen(
        out_trade_no=attempt.out_trade_no,
        out_refund_no=refund.out_refund_no,
        state="ABNORMAL",
        merchant_account=attempt.merchant_account,
    )
    refunds.record_refund(late)
    assert (fresh(refund).state, fresh(order).payment_status) == ("SUCCESS", "REFUNDED")


def test_a_refund_that_is_refused_again_and_again_waits_for_a_person(paid, simulator):
    order, _attempt = paid
    refund = request_refund(order.public_id, amount_minor=100, reason="MANUAL", key="one")
    simulator.tell("reset")  # the gateway does not know the payment any more
    for _ in range(5):
        push_now()
    assert (fresh(refund).state, fresh(refund).refusals, fresh(refund).next_try_at) == ("FAILED", 5, None)
    assert types_of(order)[-1] == "refund.abnormal"


def test_the_hourly_check_leaves_a_run_also_when_it_found_nothing(simulator, paid):
    run = reconcile.reconcile()
    assert run.ended_at
    assert run.error == ""
    assert set(run.found) == set(reconcile.PASSES), "a pass that found nothing is told too"
    bills = run.found.pop("bills")  # yesterday's may not be there yet
    assert (bills["repaired"], bills["set_aside"]) == (0, 0)
    assert {(told["repaired"], told["set_aside"], told["left"]) for told in run.found.values()} == {(0, 0, 0)}
    assert Difference.objects.count() == 0


def test_the_hourly_check_repairs_asks_and_reports(silent, make_order):
    crashed, unasked = make_order(paid=False), make_order(paid=False)
    first, second = start(crashed), start(unasked)
    for attempt in (first, second):
        silent.pay(attempt.out_trade_no)
    settle.record_fact("WECHAT", GATEWAYS["WECHAT"].query(first.out_trade_no))
    Attempt.objects.filter(pk=second.pk).update(next_sync_at=clock.now())
    strange = make_order()  # paid, says the order; no payment, say the books
    run = reconcile.reconcile()
    assert (run.error, run.found["apply"]["repaired"], run.found["orders"]["left"]) == ("", 1, 1)
    assert {fresh(crashed).payment_status, fresh(unasked).payment_status} == {"PAID"}
    assert Difference.objects.get().subject == strange.public_id
    reconcile.reconcile()
    assert (Run.objects.count(), Difference.objects.count()) == (2, 1)


def test_one_hourly_check_at_a_time(simulator, paid):
    ran = [run for run in at_once(*[reconcile.reconcile] * 4) if run is not None]
    assert all(isinstance(run, Run) for run in ran)
    assert Run.objects.count() == len(ran)


def test_a_start_inside_a_transaction_is_refused(silent, make_order):
    order = make_order(paid=False)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        start_payment(order.public_id, channel="WECHAT")
