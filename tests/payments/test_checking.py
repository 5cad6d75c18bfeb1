"""“Checking your payment” is said only while somebody may have paid; every surface says the same."""

from datetime import timedelta
from functools import partial

import pytest

from config.ground import clock
from orders.actors import as_customer
from orders.models import Order
from orders.words import status_key
from payments import settle
from payments.expiry import expire_due
from payments.gateways import GATEWAYS
from payments.models import Attempt
from payments.refusals import PaymentArrived
from payments.services import ask_gateway, start_payment
from payments.syncing import sync_due
from tests.payments.conftest import until
from tests.payments.paying import at_once, deliver, fresh, start, types_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(door, make_order, simulator):
    simulator.faults(lost=1)
    return make_order(paid=False)


@pytest.fixture
def ana(client, cast):
    client.force_login(cast.ana)
    return client


def press_i_have_paid(ana, order):
    return ana.post(f"/orders/{order.public_id}/pay/check/").content.decode()


def surfaces(ana, order):
    """What the list, the order page, the pay page, the API and a live snapshot say of one order."""
    api = ana.get(f"/api/v1/orders/{order.public_id}").json()
    return {
        "list": ana.get("/orders/").content.decode(),
        "page": ana.get(f"/orders/{order.public_id}/").content.decode(),
        "pay": ana.get(f"/orders/{order.public_id}/pay/").content.decode(),
        "api": api["paymentStatus"],
        "word": status_key(fresh(order)),
    }


def badges(told, words):
    """On which pages a badge with these words stands."""
    return {name for name in ("list", "page", "pay") if f"{words}</span>" in told[name]}


def ask_now():
    Attempt.objects.filter(next_sync_at__isnull=False).update(next_sync_at=clock.now())
    return sync_due()


def test_a_code_that_nobody_scanned_leaves_the_order_waiting(order, ana, simulator):
    ana.get(f"/orders/{order.public_id}/pay/")
    assert Attempt.objects.get(order=order).state == "PENDING"
    told = surfaces(ana, order)
    assert badges(told, "Waiting for payment") == {"list", "page", "pay"}
    assert badges(told, "Checking your payment") == set()
    assert (told["api"], told["word"]) == ("UNPAID", "PENDING.UNPAID")
    ask_now()
    assert types_of(order) == ["order.placed", "order.payment_started"], "a “not yet” is no news"


def test_a_claim_without_an_answer_is_checked_until_the_gateway_says_no(order, ana, simulator):
    start(order)
    simulator.faults(error_before={"rate": 1, "on": "query", "times": 1}, lost=1)
    assert "WeChat Pay is slow to answer." in press_i_have_paid(ana, order)
    assert simulator.fired("error_before") == 1
    told = surfaces(ana, order)
    assert badges(told, "Checking your payment") == {"list", "page", "pay"}
    assert (told["api"], told["word"]) == ("PROCESSING", "PENDING.PROCESSING")
    ask_now()
    assert fresh(order).payment_status == "UNPAID"
    assert types_of(order)[-2:] == ["order.payment_claimed", "order.payment_released"]


def test_a_claim_without_an_answer_is_paid_when_the_gateway_says_yes(order, ana, simulator):
    attempt = start(order)
    simulator.faults(error_before={"rate": 1, "on": "query", "times": 1}, lost=1)
    press_i_have_paid(ana, order)
    assert fresh(order).payment_status == "PROCESSING"
    simulator.pay(attempt.out_trade_no)
    ask_now()
    assert fresh(order).payment_status == "PAID"
    assert types_of(order)[-2:] == ["order.payment_claimed", "order.paid"]


def test_a_buyer_who_types_a_password_is_being_checked(order, ana, simulator, monkeypatch):
    """WeChat's USERPAYING: somebody is paying this very moment."""
    start(order)
    gateway, truth = GATEWAYS["WECHAT"], GATEWAYS["WECHAT"].query

    def typing(no):
        seen = truth(no)
        return type(seen)(out_trade_no=no, state="PROCESSING", merchant_account=seen.merchant_account)

    with monkeypatch.context() as during:
        during.setattr(gateway, "query", typing)
        ask_now()
        ask_now()
    assert fresh(order).payment_status == "PROCESSING"
    assert types_of(order).count("order.payment_claimed") == 1
    ask_now()
    assert fresh(order).payment_status == "UNPAID"


def test_a_claim_and_a_notification_at_once_end_as_paid(order, make_order, door, ana, cast, simulator):
    """The claim finds the gateway silent while the notification is on its way: checking never outlives the money."""
    buyer = as_customer(cast.ana)
    for _ in range(5):
        order = make_order(paid=False)
        attempt = start(order)
        simulator.pay(attempt.out_trade_no)
        letter = simulator.notice(attempt.out_trade_no)
        simulator.faults(error_before={"rate": 1, "on": "query", "times": 1}, lost=1)
        at_once(
            partial(ask_gateway, attempt, claimed_by=buyer),
            partial(deliver, door, "WECHAT", letter),
        )
        assert (fresh(order).payment_status, fresh(attempt).disposition) == ("PAID", "APPLIED")
    assert simulator.fired("error_before") == 5


def test_a_claim_that_nobody_answers_ends_with_the_order(order, ana, simulator):
    start(order)
    simulator.faults(error_before=1, lost=1)
    press_i_have_paid(ana, order)
    assert fresh(order).payment_status == "PROCESSING"
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    assert expire_due() == 1
    assert (fresh(order).status, fresh(order).payment_status) == ("CANCELLED", "UNPAID")


def test_coming_back_from_the_gateways_page_asks_once(order, ana, simulator):
    """Alipay sends the buyer's browser back after paying; its own word is not believed, the gateway is asked."""
    attempt = start(order, "ALIPAY")
    simulator.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
    simulator.pay(attempt.out_trade_no)
    until(lambda: simulator.fired("lost"))
    came = ana.get(f"/orders/{order.public_id}/pay/?out_trade_no={attempt.out_trade_no}&trade_no=2026&sign=x")
    assert (came.status_code, came.url) == (302, f"/orders/{order.public_id}/pay/")
    assert fresh(order).payment_status == "PAID"
    assert len(simulator.calls(attempt.out_trade_no, "query")) == 1


def test_coming_back_again_and_again_asks_once(order, ana, simulator):
    attempt = start(order)
    for _ in range(5):
        ana.get(f"/orders/{order.public_id}/pay/?trade_no=made-up")
    assert len(simulator.calls(attempt.out_trade_no, "query")) == 1
    assert fresh(order).payment_status == "UNPAID"


def test_money_that_waits_to_be_applied_is_not_asked_for_again(order, ana, simulator):
    """A crash between the two transactions: half a minute in which the page may not offer to pay."""
    attempt = start(order)
    simulator.pay(attempt.out_trade_no)
    settle.record_fact("WECHAT", GATEWAYS["WECHAT"].query(attempt.out_trade_no))
    page = ana.get(f"/orders/{order.public_id}/pay/").content.decode()
    assert "Your payment has arrived and is being written down." in page
    assert "I have paid" not in page
    with pytest.raises(PaymentArrived):
        start_payment(order.public_id, channel="ALIPAY")
    assert Attempt.objects.filter(order=order).count() == 1
    settle.apply(attempt.public_id)
    assert ana.get(f"/orders/{order.public_id}/pay/").status_code == 302


def test_an_amount_that_differs_is_said_on_the_pay_page_and_the_order_page(order, ana, simulator):
    simulator.faults(amount_changed=1, lost=1)
    attempt = start(order)
    simulator.pay(attempt.out_trade_no)
    press_i_have_paid(ana, order)
    assert simulator.fired("amount_changed") == 1
    assert fresh(attempt).disposition == "MISMATCH"
    for path in ("pay/", ""):
        page = ana.get(f"/orders/{order.public_id}/{path}").content.decode()
        assert "The amount did not match, all of it goes back" in page
    assert fresh(order).payment_status == "UNPAID", "it can still be paid as agreed"


def test_a_press_that_finds_money_which_cannot_be_applied_is_no_error(order, ana, simulator, monkeypatch):
    attempt = start(order)
    simulator.pay(attempt.out_trade_no)
    tried = []
    with monkeypatch.context() as broken:
        broken.setattr(settle, "apply", lambda attempt_id: tried.append(attempt_id) or 1 / 0)
        assert "Your payment has arrived and is being written down." in press_i_have_paid(ana, order)
    assert tried == [attempt.public_id]
    assert badges(surfaces(ana, order), "Checking your payment") == {"list", "page", "pay"}
    settle.apply(attempt.public_id)
    assert fresh(order).payment_status == "PAID"


def test_a_claim_that_turns_out_to_be_another_amount_is_checked_no_longer(order, ana, simulator):
    simulator.faults(amount_changed=1, lost=1, error_before={"rate": 1, "on": "query", "times": 1})
    attempt = start(order)
    simulator.pay(attempt.out_trade_no)
    press_i_have_paid(ana, order)
    assert fresh(order).payment_status == "PROCESSING"
    ask_now()
    assert (fresh(attempt).disposition, fresh(order).payment_status) == ("MISMATCH", "UNPAID")


def test_a_second_payment_is_said_on_the_order_page(order, ana, simulator):
    simulator.faults(error_before={"rate": 1, "on": "close"}, lost=1)
    first, second = start(order), start(order, "ALIPAY")
    assert simulator.fired("error_before") == 1
    simulator.http.get(second.redirect_url, follow_redirects=True).raise_for_status()
    for attempt in (second, first):
        simulator.pay(attempt.out_trade_no)
        settle.record_fact(attempt.channel, GATEWAYS[attempt.channel].query(attempt.out_trade_no))
        settle.apply(attempt.public_id)
    assert fresh(first).disposition == "DUPLICATE"
    page = ana.get(f"/orders/{order.public_id}/pay/", follow=True).content.decode()
    assert "Paid twice, the second goes back" in page
    assert types_of(order)[-2:] == ["payment.duplicate", "refund.requested"]
