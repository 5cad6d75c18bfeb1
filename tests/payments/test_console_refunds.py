"""Refunds made at the gateway's own console: found, booked once, or put before a person; never more than is left."""

from datetime import UTC, datetime

import pytest
from django.db.models import Sum
from django.template import Context, Template

from notifications.models import Event
from orders import services
from orders.actors import SYSTEM
from payments import ledger, refunds, settle
from payments.gateways.base import Seen
from payments.models import Attempt, Difference, LedgerPosting, Refund
from payments.services import request_refund
from tests.payments.paying import at_once, fresh, types_of
from tests.payments.test_returns import pay

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC)


def told(attempt, amount, number="C2026112000001", gateway_number="50300000001", source="BILL"):
    """The console's refund, as whoever found it hands it in."""
    return refunds.adopt(
        attempt.channel, attempt.out_trade_no, out_refund_no=number, gateway_refund_no=gateway_number,
        amount_minor=amount, at=AT, source=source,
    )  # fmt: skip


@pytest.fixture
def paid(make_order):
    order = make_order(paid=False)
    return order, pay(order)


def test_part_of_a_payment_is_booked_as_it_was_found(paid):
    """Refund, payment, order, ledger and one event say the same."""
    order, attempt = paid
    refund = told(attempt, 500)
    assert (refund.state, refund.reason, refund.actor, refund.found_by) == ("SUCCESS", "MANUAL", "gateway", "BILL")
    assert (refund.out_refund_no, refund.gateway_refund_no, refund.succeeded_at) == (
        "C2026112000001",
        "50300000001",
        AT,
    )
    order, attempt = fresh(order), fresh(attempt)
    assert (order.payment_status, order.returned_minor) == ("PARTLY_REFUNDED", 500)
    assert (attempt.refund_reserved_minor, attempt.refunded_minor) == (500, 500)
    assert ledger.balance("gateway:WECHAT") == order.paid_minor - 500
    assert LedgerPosting.objects.aggregate(total=Sum("amount_minor"))["total"] == 0
    assert types_of(order)[-1] == "refund.succeeded"


def test_all_of_it_makes_the_order_refunded_and_cancelling_returns_nothing_more(paid):
    order, attempt = paid
    told(attempt, order.total_minor)
    assert fresh(order).payment_status == "REFUNDED"
    services.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    assert [refund.amount_minor for refund in Refund.objects.all()] == [order.total_minor]


def test_twenty_at_the_same_moment_are_one(paid):
    """Bill, query and notification may all tell of it at once."""
    order, attempt = paid
    found = at_once(*[lambda: told(attempt, 700).pk] * 20)
    assert len(set(found)) == 1, found
    assert (fresh(attempt).refunded_minor, fresh(order).returned_minor) == (700, 700)
    assert types_of(order).count("refund.succeeded") == 1
    assert ledger.balance("gateway:WECHAT") == order.total_minor - 700


def test_the_same_one_under_the_gateways_number_only_is_the_same(paid):
    """A bill may leave our column empty: then its own number tells."""
    order, attempt = paid
    first = told(attempt, 700)
    assert told(attempt, 700, number="", source="NOTIFY").pk == first.pk
    assert fresh(order).returned_minor == 700


def test_two_different_ones_are_two(paid):
    order, attempt = paid
    told(attempt, 700)
    told(attempt, 700, number="C2", gateway_number="50300000002")
    assert fresh(order).returned_minor == 1400


def test_more_than_is_left_is_put_before_a_person_and_nothing_is_booked(paid):
    """What we have promised already counts as gone."""
    order, attempt = paid
    request_refund(order.public_id, amount_minor=order.total_minor - 100, reason="MANUAL", key="one")
    before = Event.objects.filter(stream=order.stream).count()
    for _again in range(2):
        assert told(attempt, 101) is None
    difference = Difference.objects.get()
    assert (difference.kind, difference.state, difference.channel) == ("REFUND_ONLY_GATEWAY", "OPEN", "WECHAT")
    assert (difference.theirs_minor, difference.ours_minor, difference.facts["leftMinor"]) == (101, None, 100)
    assert difference.order_ref == order.public_id
    assert (Refund.objects.count(), fresh(attempt).refunded_minor, fresh(order).returned_minor) == (1, 0, 0)
    assert Event.objects.filter(stream=order.stream).count() == before


@pytest.mark.parametrize("amount", [0, -1])
def test_no_amount_is_no_refund(paid, amount):
    assert told(paid[1], amount) is None
    assert not Refund.objects.exists()


def test_an_unknown_payment_is_a_difference(paid):
    _order, attempt = paid
    attempt.out_trade_no = "somebody-elses"
    assert told(attempt, 100) is None
    assert Difference.objects.get().facts["outTradeNo"] == "somebody-elses"


@pytest.fixture
def told_early(make_order):
    """An order, and the attempt of which a refund of 1.00 is told before anybody knows that it was paid."""
    order = make_order(paid=False)
    services.begin_payment(order.public_id, method="WECHAT", actor=SYSTEM)
    attempt = Attempt.objects.create(
        order=order, seq=1, channel="WECHAT", merchant_account="m", out_trade_no="t-early-1", form="native",
        amount_minor=order.total_minor, gateway_expires_at=order.expires_at,
    )  # fmt: skip
    assert told(attempt, 100) is None
    return order, attempt


def money_comes(order):
    seen = Seen(
        out_trade_no="t-early-1", state="SUCCESS", gateway_txn_no="g-early", amount_minor=order.total_minor,
        paid_at=None, merchant_account="m",
    )  # fmt: skip
    return settle.record_fact("WECHAT", seen)


def test_one_that_was_told_before_its_payment_is_booked_with_it(told_early):
    """The open difference is repaired by itself; told again it is the same one."""
    order, attempt = told_early
    money_comes(order)
    assert told(attempt, 100) is None, "recorded, but nobody's yet: it may have to go back as a whole"
    settle.apply(attempt.public_id)
    assert fresh(order).payment_status == "PARTLY_REFUNDED"
    assert told(attempt, 100).state == "SUCCESS"
    assert Refund.objects.get().amount_minor == fresh(attempt).refunded_minor == 100
    assert Difference.objects.get().state == "AUTO_FIXED"


def test_late_money_of_which_a_part_went_back_before_returns_only_the_rest(told_early):
    """Asking for all of it would be refused by the gateway for ever."""
    order, attempt = told_early
    services.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    money_comes(order)
    assert settle.apply(attempt.public_id).disposition == "LATE"
    by_console, by_us = Refund.objects.order_by("pk")
    assert (by_console.state, by_console.amount_minor) == ("SUCCESS", 100)
    assert (by_us.state, by_us.amount_minor) == ("REQUESTED", order.total_minor - 100)
    assert fresh(attempt).left_minor == 0
    assert -ledger.balance(ledger.SUSPENSE) == order.total_minor - 100
    assert Difference.objects.get().state == "AUTO_FIXED"


def test_one_of_ours_is_not_booked_a_second_time(paid):
    """The bill tells of a refund that we asked for and never heard the end of."""
    order, attempt = paid
    ours = request_refund(order.public_id, amount_minor=300, reason="MANUAL", key="one")
    refund = told(attempt, 300, number=ours.out_refund_no)
    assert (refund.pk, fresh(ours).state, fresh(ours).succeeded_at) == (ours.pk, "SUCCESS", AT)
    assert told(attempt, 300, number=ours.out_refund_no).pk == ours.pk
    assert fresh(order).returned_minor == 300


def test_one_of_ours_with_another_amount_is_a_difference(paid):
    order, attempt = paid
    ours = request_refund(order.public_id, amount_minor=300, reason="MANUAL", key="one")
    assert told(attempt, 299, number=ours.out_refund_no).state != "SUCCESS"
    assert Difference.objects.get().kind == "REFUND_AMOUNT"
    assert fresh(order).returned_minor == 0


def test_a_number_as_long_as_gateways_allow_fits(paid):
    order, attempt = paid
    assert told(attempt, 5, number="N" * 64, gateway_number="G" * 64).state == "SUCCESS"
    assert fresh(order).returned_minor == 5


def test_the_customer_sees_it(paid):
    """Their money story tells it like any other refund, without words that nobody wrote."""
    order, attempt = paid
    told(attempt, 500)
    shown = Template("{% load payments %}{% money_panel order %}").render(Context({"order": fresh(order)}))
    assert "¥5.00" in shown
    assert "Back in your WeChat balance" in shown
    assert "From our support" in shown
    assert "support:" not in shown
