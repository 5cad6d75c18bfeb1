"""A notification and what it does: once, in whatever order, company or moment it comes."""

from functools import partial

import pytest
from django.db import connection

from orders import services as orders
from orders.actors import SYSTEM
from orders.stock import keys
from payments import settle
from payments.aside import Counts
from payments.models import Attempt, Difference, InboxEntry, LedgerEntry
from payments.reconcile import apply_unapplied
from payments.services import ask_gateway, start_payment
from tests.payments.conftest import until
from tests.payments.paying import at_once, booked, deliver, fresh, refunds_of, refused_letters, start, types_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def silent(simulator, door):
    """Notifications get lost, so that a test delivers them itself; asserted at the end."""
    simulator.faults(lost=1)
    yield simulator
    assert simulator.fired("lost") >= 1


@pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
def test_a_payment_is_applied_when_the_gateway_tells(channel, simulator, door, make_order):
    order = make_order(paid=False)
    attempt = start(order, channel)
    if attempt.redirect_url:
        simulator.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
    assert fresh(order).payment_status == "UNPAID"
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    attempt = fresh(attempt)
    assert (attempt.state, attempt.disposition, attempt.paid_minor) == ("SUCCESS", "APPLIED", order.total_minor)
    assert booked(attempt) == {f"gateway:{channel}": order.total_minor, "revenue:MEAL": -order.total_minor}
    assert types_of(order) == ["order.placed", "order.payment_started", "order.paid"]


def test_twenty_copies_at_once_are_one_payment(silent, door, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    letter = silent.notice(attempt.out_trade_no)
    answers = at_once(*[lambda: deliver(door, "WECHAT", letter).status_code] * 20)
    assert answers == [204] * 20
    assert types_of(order).count("order.paid") == 1
    assert LedgerEntry.objects.count() == 1
    assert InboxEntry.objects.filter(source="NOTIFY", verified=True).count() == 1
    assert refunds_of(attempt) == []


def test_a_repeated_notice_is_answered_like_the_first(silent, door, make_order):
    attempt = start(make_order(paid=False))
    silent.pay(attempt.out_trade_no)
    for _ in range(3):
        assert deliver(door, "WECHAT", silent.notice(attempt.out_trade_no)).status_code == 204


def test_money_may_be_known_before_the_create_call_is_answered(simulator, door, make_order):
    simulator.faults(early=1)
    order = make_order(paid=False)
    attempt = start(order)
    assert simulator.fired("early") == 1
    until(lambda: fresh(attempt).applied_at)
    assert (fresh(attempt).state, fresh(order).payment_status) == ("SUCCESS", "PAID")
    assert fresh(attempt).has_a_way


def test_notice_and_query_at_once_are_one_payment(silent, door, make_order):
    for _ in range(5):
        order = make_order(paid=False)
        attempt = start(order)
        silent.pay(attempt.out_trade_no)
        letter = silent.notice(attempt.out_trade_no)
        told, asked = at_once(partial(deliver, door, "WECHAT", letter), partial(ask_gateway, attempt))
        told, asked = told.status_code, asked.state
        assert (told, asked) == (204, "SUCCESS")
        assert types_of(order).count("order.paid") == 1


@pytest.mark.parametrize("variant", ["forged", "tampered", "stale", "foreign", "serial"])
def test_a_wechat_notice_that_must_not_be_believed_changes_nothing(variant, silent, door, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    asked = len(silent.ask("log")["log"])
    answer = deliver(door, "WECHAT", silent.notice(attempt.out_trade_no, variant))
    assert answer.status_code == 401
    assert len(refused_letters()) == 1
    assert (fresh(order).payment_status, fresh(attempt).state) == ("UNPAID", "PENDING")
    assert len(silent.ask("log")["log"]) == asked, "a refused notice makes no call"


@pytest.mark.parametrize("variant", ["forged", "tampered", "foreign"])
def test_an_alipay_notice_that_must_not_be_believed_changes_nothing(variant, silent, door, make_order):
    order = make_order(paid=False)
    attempt = start(order, "ALIPAY")
    silent.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
    silent.pay(attempt.out_trade_no)
    answer = deliver(door, "ALIPAY", silent.notice(attempt.out_trade_no, variant))
    assert (answer.status_code, answer.content) == (401, b"failure")
    assert len(refused_letters()) == 1
    assert fresh(order).payment_status == "UNPAID"


def test_a_crash_between_the_two_transactions_is_repaired(silent, door, make_order, monkeypatch):
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    crashes = []

    def crash(attempt_id):
        crashes.append(attempt_id)
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as broken:
        broken.setattr(settle, "apply", crash)
        assert deliver(door, "WECHAT", silent.notice(attempt.out_trade_no)).status_code == 204
    assert crashes == [attempt.public_id]
    assert (fresh(attempt).state, fresh(attempt).applied_at) == ("SUCCESS", None)
    assert fresh(order).payment_status == "PROCESSING", "nobody is asked to pay again meanwhile"
    assert apply_unapplied() == Counts(looked_at=1, repaired=1)
    assert fresh(order).payment_status == "PAID"
    assert apply_unapplied() == Counts()


def test_money_after_the_end_is_recorded_and_goes_back(simulator, door, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    orders.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(attempt).applied_at)
    [refund] = refunds_of(attempt)
    assert (fresh(attempt).disposition, refund.reason, refund.amount_minor) == ("LATE", "LATE", order.total_minor)
    assert (fresh(order).status, fresh(order).payment_status) == ("CANCELLED", "UNPAID")
    assert types_of(order)[-2:] == ["payment.late", "refund.requested"]
    assert booked(attempt) == {"gateway:WECHAT": order.total_minor, "suspense": -order.total_minor}


def test_another_amount_is_never_applied(simulator, door, make_order):
    simulator.faults(amount_changed=1)
    order = make_order(paid=False)
    attempt = start(order)
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(attempt).applied_at)
    assert simulator.fired("amount_changed") == 1
    [refund] = refunds_of(attempt)
    assert fresh(attempt).disposition == "MISMATCH"
    assert (refund.reason, refund.amount_minor) == ("MISMATCH", order.total_minor + 1)
    assert fresh(order).payment_status == "UNPAID"


def test_two_channels_both_paid_are_one_payment_and_one_refund(simulator, door, make_order):
    simulator.faults(error_before={"rate": 1, "on": "close"})
    order = make_order(paid=False)
    first, second = start(order), start(order, "ALIPAY")
    assert simulator.fired("error_before") >= 1
    assert fresh(first).state == "CLOSING"
    simulator.http.get(second.redirect_url, follow_redirects=True).raise_for_status()
    simulator.pay(second.out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    simulator.pay(first.out_trade_no)
    until(lambda: fresh(first).applied_at)
    assert (fresh(second).disposition, fresh(first).disposition) == ("APPLIED", "DUPLICATE")
    assert [refund.reason for refund in refunds_of(first)] == ["DUPLICATE"]
    assert refunds_of(second) == []


def test_the_last_keys_gone_cancels_and_returns_all(simulator, door, make_order, keyshop):
    items = [orders.Item(keyshop.card.public_id, 2)]
    order = make_order(paid=False, shop_id=keyshop.shop.public_id, items=items, address={})
    attempt = start(order)
    keys.release(order.pk)  # as if a bug had given them away
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(attempt).applied_at)
    assert fresh(attempt).disposition == "UNFULFILLABLE"
    assert (fresh(order).status, fresh(order).cancel_reason) == ("CANCELLED", "UNFULFILLABLE")
    assert [refund.reason for refund in refunds_of(attempt)] == ["OUT_OF_STOCK"]


def test_paying_and_cancelling_at_once_never_loses_money(silent, door, make_order):
    ends = set()
    for _ in range(10):
        order = make_order(paid=False)
        attempt = start(order)
        silent.pay(attempt.out_trade_no)
        letter = silent.notice(attempt.out_trade_no)
        at_once(
            partial(deliver, door, "WECHAT", letter),
            partial(orders.cancel_order, order.public_id, reason="CUSTOMER", actor=SYSTEM),
        )
        assert fresh(order).status == "CANCELLED"
        ends.add(fresh(attempt).disposition)
        if fresh(attempt).disposition == "LATE":
            assert len(refunds_of(attempt)) == 1
        else:
            assert (fresh(attempt).disposition, fresh(order).payment_status) == ("APPLIED", "PAID")
    assert ends <= {"LATE", "APPLIED"}
    assert Attempt.objects.unapplied().count() == 0


def test_a_payment_nobody_knows_is_put_before_support(silent, door, make_order):
    order = make_order(paid=False)
    attempt = start_payment(order.public_id, channel="WECHAT")
    silent.pay(attempt.out_trade_no)
    letter = silent.notice(attempt.out_trade_no)
    with connection.cursor() as cursor:  # as after a restored backup: our row is gone
        cursor.execute("TRUNCATE payments_attempt CASCADE")
    assert deliver(door, "WECHAT", letter).status_code == 204
    found = Difference.objects.get()
    assert (found.kind, found.theirs_minor) == ("GATEWAY_ONLY", order.total_minor)


@pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
def test_a_refund_at_the_gateways_console_is_booked_when_it_tells(channel, simulator, door, make_order):
    """Nobody here asked for it: the letter is the first we hear."""
    order = make_order(paid=False)
    attempt = start(order, channel)
    if attempt.redirect_url:
        simulator.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    for amount, total in ((100, 100), (250, 350)):
        simulator.tell("console_refund", out_trade_no=attempt.out_trade_no, amount=amount, notify=True)
        until(lambda total=total: fresh(attempt).refunded_minor == total)
    assert [refund.amount_minor for refund in refunds_of(attempt)] == [100, 250]
    assert {(refund.state, refund.actor, refund.found_by) for refund in refunds_of(attempt)} == {
        ("SUCCESS", "gateway", "NOTIFY")
    }
    assert (fresh(order).payment_status, fresh(order).returned_minor) == ("PARTLY_REFUNDED", 350)
    until(lambda: not InboxEntry.objects.filter(source="NOTIFY", processed_at=None).exists())
    assert Difference.objects.count() == 0


def test_a_console_refund_that_cannot_be_proven_now_comes_again(simulator, door, make_order):
    """Alipay names only the sum of all refunds: while it does not answer, the letter is not acknowledged."""
    order = make_order(paid=False)
    attempt = start(order, "ALIPAY")
    simulator.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    simulator.faults(error_before={"rate": 1, "on": "query_refund", "times": 1})
    simulator.tell("console_refund", out_trade_no=attempt.out_trade_no, amount=100, notify=True)
    until(lambda: fresh(attempt).refunded_minor == 100)
    assert simulator.fired("error_before") == 1
    assert len(refunds_of(attempt)) == 1
