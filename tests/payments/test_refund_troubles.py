"""Refunds that do not go through at once: each trouble really strikes, and in the end the money is back, once."""

import pytest
from celery.signals import before_task_publish
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from config.ground import clock
from orders.actors import SYSTEM, as_staff
from payments import ledger, refunds
from payments.gateways import GATEWAYS
from payments.gateways.alipay import Alipay
from payments.gateways.base import Misconfigured, RefundSeen
from payments.models import Difference, Refund
from payments.refunds import push_due
from payments.refusals import AlreadyReturned, NoSuchRefund, NotByHand, ReferenceUsed, RefundTooMuch
from payments.services import request_refund
from tests.payments.conftest import until
from tests.payments.paying import at_once, fresh, start, types_of

pytestmark = pytest.mark.django_db(transaction=True)
OF_THE_ATTEMPT = "WHERE id = (SELECT order_id FROM payments_attempt WHERE id = %s)"
BOTH = pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])


@pytest.fixture
def pay(simulator, door, make_order):
    """Place an order and pay it by this channel; the order and its applied payment."""

    def make(channel="WECHAT"):
        order = make_order(paid=False)
        attempt = start(order, channel)
        if attempt.redirect_url:
            simulator.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
        simulator.pay(attempt.out_trade_no)
        until(lambda: fresh(order).payment_status == "PAID")
        return fresh(order), fresh(attempt)

    return make


def ask(order, key="one", **changes):
    return request_refund(order.public_id, **{"reason": "MANUAL", "words": "sorry", "key": key} | changes)


def push_now():
    Refund.objects.filter(next_try_at__isnull=False).update(next_try_at=clock.now())
    return push_due()


def ends(refund):
    until(lambda: push_now() + 1 and fresh(refund).state == "SUCCESS")


def all_is_back(order, attempt, simulator):
    assert simulator.trade(attempt.out_trade_no)["refunded"] == attempt.paid_minor == fresh(attempt).refunded_minor
    assert fresh(order).payment_status == "REFUNDED"
    assert ledger.balance(f"gateway:{attempt.channel}") == 0
    assert types_of(order).count("refund.succeeded") == 1


@BOTH
def test_too_little_at_the_gateway_is_tried_again_and_never_given_up(channel, simulator, pay):
    """However often: our balance fills up with the next payments. The customer reads that it was asked for."""
    order, attempt = pay(channel)
    simulator.faults(not_enough=1)
    refund = ask(order)
    for _again in range(7):
        push_now()
    assert simulator.fired("not_enough") == 7
    waiting = fresh(refund)
    assert (waiting.state, waiting.refusals, waiting.tries) == ("UNKNOWN", 0, 7)
    assert "NOT_ENOUGH" in waiting.last_error
    assert waiting.next_try_at is not None
    assert types_of(order).count("refund.submitted") == 1
    simulator.faults()
    ends(refund)
    all_is_back(order, attempt, simulator)


@BOTH
def test_an_answer_that_got_lost_is_asked_for_under_the_same_number(channel, simulator, pay):
    order, attempt = pay(channel)
    simulator.faults(error_after={"rate": 1, "on": "refund", "times": 1}, lost=1)
    refund = ask(order)
    push_now()
    assert simulator.fired("error_after") == 1
    assert fresh(refund).state == "UNKNOWN"
    ends(refund)
    all_is_back(order, attempt, simulator)
    assert len(simulator.trade(attempt.out_trade_no)["refunds"]) == 1


def test_the_gateway_reads_the_same_reason_whoever_pushes_it(pay, monkeypatch):
    """The number stays the same on every try, so what goes with it does too, also from a Chinese desk."""
    order, _attempt = pay()
    refund, gateway, told = ask(order), GATEWAYS["WECHAT"], []
    monkeypatch.setattr(gateway, "refund", lambda asked, real=gateway.refund: told.append(asked.reason) or real(asked))
    with translation.override("zh-hans"):
        refunds.push(fresh(refund))
    assert told == [Refund.Reason.MANUAL.label] == ["Manual"]


def test_held_up_at_the_gateway_waits_for_a_person_who_pushes_it(simulator, pay):
    """ABNORMAL: nothing is tried by itself any more; when the gateway has sorted it out, a push brings the end."""
    order, attempt = pay()
    simulator.faults(refund_abnormal=1, lost=1)
    refund = ask(order)
    until(lambda: push_now() + 1 and fresh(refund).state == "ABNORMAL")
    assert simulator.fired("refund_abnormal") == 1
    assert types_of(order)[-1] == "refund.abnormal"
    assert push_now() == 0, "the clock leaves it alone"
    refunds.push(fresh(refund))
    assert fresh(refund).state == "ABNORMAL"
    told = {"out_trade_no": attempt.out_trade_no, "out_refund_no": refund.out_refund_no}
    simulator.tell("finish_refund", **told, state="SUCCESS")
    refunds.push(fresh(refund))
    assert fresh(refund).state == "SUCCESS"
    all_is_back(order, attempt, simulator)


def test_one_that_takes_long_is_only_asked_about(simulator, pay):
    order, attempt = pay()
    simulator.faults(refund_stuck=1, lost=1)
    refund = ask(order)
    for _again in range(3):
        push_now()
    assert simulator.fired("refund_stuck") == 1
    assert fresh(refund).state == "PROCESSING"
    assert len(simulator.calls(attempt.out_trade_no, "refund")) == 1
    simulator.tell("finish_refund", out_trade_no=attempt.out_trade_no, out_refund_no=refund.out_refund_no)
    ends(refund)
    all_is_back(order, attempt, simulator)


def test_one_transfer_ends_one_refund_also_when_two_claim_it_at_once(simulator, pay, cast):
    orders = [pay()[0] for _order in range(2)]
    simulator.faults(refund_abnormal=1, lost=1)
    owed = [ask(order, key=f"of {order.public_id}") for order in orders]
    until(lambda: push_now() + 1 and all(fresh(one).state == "ABNORMAL" for one in owed))
    assert simulator.fired("refund_abnormal") >= 1
    give = [
        lambda one=one: refunds.give_back_another_way(
            one.out_refund_no, reference="BANK-0001", actor=as_staff(cast.sam)
        )
        for one in owed
    ]
    results = at_once(*give)
    assert sorted(type(one).__name__ for one in results) == ["ReferenceUsed", "Refund"], results
    left = next(fresh(one) for one in owed if fresh(one).state == "ABNORMAL")
    with pytest.raises(ReferenceUsed):
        refunds.give_back_another_way(left.out_refund_no, reference="BANK-0001", actor=as_staff(cast.sam))
    refunds.give_back_another_way(left.out_refund_no, reference="BANK-0002", actor=as_staff(cast.sam))
    assert fresh(left).state == "SUCCESS"
    with pytest.raises(IntegrityError, match="one_transfer_ends_one_refund"):
        Refund.objects.filter(pk=left.pk).update(reference="BANK-0001")


def test_what_the_gateway_cannot_return_goes_by_bank_transfer_once(simulator, pay, cast):
    """Support records the transfer; if the gateway then returns it after all, that is put before a person."""
    order, attempt = pay()
    simulator.faults(refund_abnormal=1, lost=1)
    refund = ask(order)
    with pytest.raises(NotByHand):
        refunds.give_back_another_way(refund.out_refund_no, reference="BANK-0001", actor=as_staff(cast.sam))
    until(lambda: push_now() + 1 and fresh(refund).state == "ABNORMAL")
    assert simulator.fired("refund_abnormal") == 1
    give = [
        lambda n=n: refunds.give_back_another_way(
            refund.out_refund_no, reference=f"BANK-{n:04d}", actor=as_staff(cast.sam)
        )
        for n in range(8)
    ]
    results = at_once(*give)
    assert sum(isinstance(one, AlreadyReturned) for one in results) == 7, results
    done = fresh(refund)
    assert (done.state, done.way, done.paid_out_by) == ("SUCCESS", "BANK", f"staff:{cast.sam.public_id}")
    assert (ledger.balance("bank"), ledger.balance("gateway:WECHAT")) == (-attempt.paid_minor, attempt.paid_minor)
    assert fresh(order).payment_status == "REFUNDED"
    late = RefundSeen(
        out_trade_no=attempt.out_trade_no, out_refund_no=refund.out_refund_no, state="SUCCESS",
        amount_minor=refund.amount_minor, merchant_account=attempt.merchant_account,
    )  # fmt: skip
    refunds.record_refund(late)
    assert Difference.objects.get().kind == "REFUND_STATE"
    assert fresh(order).returned_minor == attempt.paid_minor


def test_an_unknown_refund_cannot_be_given_back_by_hand(cast):
    with pytest.raises(NoSuchRefund):
        refunds.pay_out("rf_0", reference="R-000001", actor=as_staff(cast.sam))


def test_one_channels_missing_keys_hold_up_nobody_else(simulator, pay, monkeypatch):
    """Both are due in the same round; the one that can go, goes."""
    broken, _attempt = pay("ALIPAY")
    good, attempt = pay("WECHAT")
    first, second = ask(broken, "one"), ask(good, "two")

    def no_keys():
        raise Misconfigured("no keys")

    monkeypatch.setitem(GATEWAYS, "ALIPAY", Alipay(no_keys))
    ends(second)
    assert fresh(first).state == "UNKNOWN"
    assert "no keys" in fresh(first).last_error
    all_is_back(good, attempt, simulator)


def test_the_database_refuses_to_return_more_than_came(pay):
    """Plain SQL, past all of our code: neither promised, nor returned, nor under another amount."""
    order, attempt = pay()
    refund = ask(order, amount_minor=100)
    for statement, guard in (
        ("UPDATE payments_attempt SET refund_reserved_minor = paid_minor + 1 WHERE id = %s", "at_most_what_was_paid"),
        ("UPDATE payments_attempt SET refunded_minor = refund_reserved_minor + 1 WHERE id = %s", "what_was_reserved"),
        ("UPDATE payments_refund SET amount_minor = amount_minor + 1 WHERE attempt_id = %s", "never change"),
        ("UPDATE payments_refund SET amount_minor = 0 WHERE attempt_id = %s", "never change|returns_something"),
        ("UPDATE payments_refund SET way = 'BANK' WHERE attempt_id = %s", "given_back_by_hand_says_who_and_how"),
        (f"UPDATE orders_order SET returned_minor = paid_minor + 1 {OF_THE_ATTEMPT}", "never_return_more"),
    ):  # fmt: skip
        with pytest.raises(IntegrityError, match=guard), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [attempt.pk])
    assert fresh(refund).amount_minor == 100


def test_a_promise_hints_the_workers_to_push_at_once(pay):
    """The clock comes by anyway; the hint makes it seconds. Nothing is hinted when the promise is rolled back."""
    order, _attempt = pay()
    told = []

    def hear(sender="", routing_key="", **_rest):
        told.append((sender, routing_key))

    before_task_publish.connect(hear)
    with pytest.raises(RefundTooMuch), transaction.atomic():
        [ask(order, key, amount_minor=order.total_minor - 1) for key in ("one", "two")]
    assert (Refund.objects.count(), told) == (0, [])
    ask(order, amount_minor=1, actor=SYSTEM)
    assert told == [("payments.tasks.push_refunds", "money")]
