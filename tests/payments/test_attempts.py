"""Ways to pay one order: one open at a time, the old one closed first, and money counts whoever was faster."""

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client

from config.ground import clock
from notifications.models import Event
from orders import services as orders
from orders.actors import SYSTEM
from orders.models import Order
from orders.order.road import WrongMoment
from orders.stock import keys
from payments import settle
from payments.expiry import expire_due
from payments.gateways import GATEWAYS
from payments.models import Attempt
from payments.services import ask_gateway, start_payment
from payments.services.start import GATEWAY_LEAD
from tests.payments.conftest import until
from tests.payments.paying import at_once, fresh, refunds_of, start, types_of
from tests.payments.test_checking import ask_now

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def silent(simulator, door):
    """No notification ever arrives."""
    simulator.faults(lost=1)
    return simulator


def open_ones(order):
    return list(Attempt.objects.open().filter(order=order))


def scan(simulator, attempt):
    """The buyer's browser opens what Alipay learns of only then."""
    if attempt.redirect_url:
        simulator.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()


def operations(simulator):
    return [line["operation"] for line in simulator.ask("log")["log"] if line["what"] == "call"]


@pytest.mark.parametrize(("first", "second"), [("WECHAT", "ALIPAY"), ("ALIPAY", "WECHAT")])
def test_money_that_was_faster_than_the_change_of_method_counts(first, second, silent, make_order):
    """The gateway answers the close with “paid”: it is asked, the money is applied, and the other way stays shut."""
    order = make_order(paid=False)
    attempt = start(order, first)
    scan(silent, attempt)
    silent.pay(attempt.out_trade_no)
    before = len(operations(silent))
    with pytest.raises(WrongMoment):
        start(order, second)
    close, *questions = operations(silent)[before:]
    assert (close, set(questions)) == ("close", {"query"}), "and no create"
    assert (fresh(order).payment_status, fresh(attempt).disposition) == ("PAID", "APPLIED")
    other = Attempt.objects.get(order=order, channel=second)
    assert (other.state, other.has_a_way, open_ones(order)) == ("CLOSING", False, [])


def test_paying_and_changing_at_the_same_moment_never_pays_twice(silent, make_order):
    ends = set()
    for _ in range(6):
        order = make_order(paid=False)
        attempt = start(order)
        paid, changed = at_once(
            partial(silent.http.post, "/oracle/pay", json={"out_trade_no": attempt.out_trade_no}),
            partial(start_payment, order.public_id, channel="ALIPAY"),
        )
        ask_now()
        ends.add(paid.status_code)
        if paid.status_code == 200:
            assert (fresh(attempt).disposition, fresh(order).payment_status) == ("APPLIED", "PAID")
            assert isinstance(changed, WrongMoment)
        else:
            assert (fresh(attempt).state, fresh(order).payment_status) == ("CLOSED", "UNPAID")
            assert [found.channel for found in open_ones(order)] == ["ALIPAY"]
        assert refunds_of(attempt) == []
    assert ends <= {200, 409}


def test_two_tabs_that_choose_differently_leave_one_way_open(silent, make_order):
    for _ in range(5):
        order = make_order(paid=False)
        at_once(*[partial(start_payment, order.public_id, channel=name) for name in ("WECHAT", "ALIPAY")])
        for _ in range(2):
            ask_now()
        [left] = open_ones(order)
        for attempt in Attempt.objects.filter(order=order).exclude(pk=left.pk):
            gone = silent.http.get(f"/oracle/trades/{attempt.out_trade_no}")
            assert gone.status_code == 404 or gone.json()["state"] == "CLOSED"


def test_a_double_click_is_one_payment(silent, make_order, cast):
    order = make_order(paid=False)
    browsers = [Client() for _ in range(4)]
    for browser in browsers:
        browser.force_login(cast.ana)
    path = f"/orders/{order.public_id}/pay/"
    answers = at_once(*[partial(browser.post, path, {"channel": "WECHAT"}) for browser in browsers])
    assert [answer.status_code for answer in answers] == [302] * 4
    [attempt] = Attempt.objects.filter(order=order)
    assert (attempt.state, len(silent.ask("trades")["trades"])) == ("PENDING", 1)
    assert types_of(order) == ["order.placed", "order.payment_started"]


def test_a_double_call_of_the_api_is_one_payment(silent, make_order, cast):
    order = make_order(paid=False)
    programs = [Client() for _ in range(3)]
    for program in programs:
        program.force_login(cast.ana)
    path, body = f"/api/v1/orders/{order.public_id}/payments", {"channel": "WECHAT"}
    answers = at_once(*[partial(one.post, path, body, content_type="application/json") for one in programs])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["codeUrl"] for answer in answers}) == 1
    assert Attempt.objects.filter(order=order).count() == 1


@pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
def test_the_gateway_stops_taking_money_a_minute_before_we_cancel(channel, silent, make_order):
    order = make_order(paid=False)
    attempt = start(order, channel)
    scan(silent, attempt)
    assert timedelta(seconds=60) == GATEWAY_LEAD
    assert attempt.gateway_expires_at == order.expires_at - GATEWAY_LEAD
    told = silent.trade(attempt.out_trade_no)["expires_at"]
    assert abs(told - attempt.gateway_expires_at.timestamp()) < 1.5, "the gateways keep whole seconds"


def test_paying_after_an_acknowledged_close_is_late_and_goes_back(silent, make_order):
    """It happens: the gateway closed it, and the wallet paid all the same."""
    order = make_order(paid=False)
    attempt = start(order)
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    assert expire_due() == 1
    assert (fresh(attempt).state, silent.trade(attempt.out_trade_no)["state"]) == ("CLOSED", "CLOSED")
    silent.pay(attempt.out_trade_no, late=True)
    ask_gateway(fresh(attempt))
    assert (fresh(attempt).state, fresh(attempt).disposition) == ("SUCCESS", "LATE")
    assert [refund.reason for refund in refunds_of(attempt)] == ["LATE"]
    assert fresh(order).status == "CANCELLED"


def test_an_order_paid_when_it_was_replaced_needs_no_second_look(silent, make_order):
    """A notification for the replaced attempt, after the change: applied, and the new way is shut by the clock."""
    silent.faults(error_before={"rate": 1, "on": "close", "times": 1}, lost=1)
    order = make_order(paid=False)
    first, second = start(order), start(order, "ALIPAY")
    assert silent.fired("error_before") == 1
    scan(silent, second)
    silent.pay(first.out_trade_no)
    ask_now()
    assert (fresh(first).disposition, fresh(order).payment_status) == ("APPLIED", "PAID")
    ask_now()
    assert (fresh(second).state, silent.trade(second.out_trade_no)["state"]) == ("CLOSED", "CLOSED")


def late(simulator, order, attempt, keyshop):
    orders.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    simulator.pay(attempt.out_trade_no)


def duplicate(simulator, order, attempt, keyshop):
    orders.mark_paid(order.public_id, amount_minor=order.total_minor, channel="ALIPAY")
    simulator.pay(attempt.out_trade_no)


def mismatch(simulator, order, attempt, keyshop):
    simulator.faults(amount_changed=1)
    simulator.pay(attempt.out_trade_no)


def unfulfillable(simulator, order, attempt, keyshop):
    keys.release(order.pk)
    simulator.pay(attempt.out_trade_no)


STRANGE = {  # how it comes to it → event, what the buyer reads on the order page
    late: ("payment.late", "Your payment came late, all of it goes back"),
    duplicate: ("payment.duplicate", "Paid twice, the second goes back"),
    mismatch: ("payment.mismatch", "The amount did not match, all of it goes back"),
    unfulfillable: ("payment.unfulfillable", "Sold out before we could deliver, all of it goes back"),
}


@pytest.mark.parametrize("what", STRANGE, ids=lambda what: what.__name__)
def test_the_buyer_is_told_which_in_words_on_both_pages_and_by_the_live_line(
    what, simulator, door, make_order, keyshop, client, cast
):
    type_, words = STRANGE[what]
    goods = {"shop_id": keyshop.shop.public_id, "items": [orders.Item(keyshop.card.public_id, 1)], "address": {}}
    order = make_order(paid=False, **(goods if what is unfulfillable else {}))
    attempt = start(order)
    what(simulator, order, attempt, keyshop)
    until(lambda: fresh(attempt).applied_at)

    event = Event.objects.get(stream=order.stream, type=type_)
    assert set(event.data["reload"]) >= {"hero", "money"}, "open pages fetch what says so"
    assert event.data["amountMinor"] == fresh(attempt).paid_minor
    client.force_login(cast.ana)
    assert words in client.get(f"/orders/{order.public_id}/").content.decode()
    pay_page = client.get(f"/orders/{order.public_id}/pay/", follow=True).content.decode()
    assert words in pay_page or "Your money arrived after the order was closed" in pay_page
    [refund] = refunds_of(attempt)
    assert refund.amount_minor == fresh(attempt).paid_minor


def test_a_query_and_the_clock_at_once_are_one_payment(silent, make_order):
    for _ in range(4):
        order = make_order(paid=False)
        attempt = start(order)
        silent.pay(attempt.out_trade_no)
        at_once(partial(ask_gateway, attempt), ask_now, partial(ask_gateway, attempt))
        assert types_of(order).count("order.paid") == 1
        assert fresh(attempt).disposition == "APPLIED"


def test_two_crashes_between_the_transactions_are_no_second_payment(silent, make_order):
    """The fact is recorded twice, the effect comes once."""
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    seen = GATEWAYS["WECHAT"].query(attempt.out_trade_no)
    for _ in range(2):
        settle.record_fact("WECHAT", seen)
    at_once(*[partial(settle.apply, attempt.public_id)] * 4)
    assert types_of(order).count("order.paid") == 1
