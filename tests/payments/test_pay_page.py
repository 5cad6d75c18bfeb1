"""The pay page: a code at first sight, every moment in words, one question per press; for the buyer alone."""

from datetime import timedelta

import pytest

from config.ground import clock
from orders import services as orders
from orders.actors import SYSTEM
from orders.models import Order
from orders.services import Placement, place_order
from payments.expiry import expire_due
from payments.models import Attempt
from tests.conftest import ADDRESS, noodle_items
from tests.payments.conftest import until
from tests.payments.paying import fresh

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148"


@pytest.fixture
def order(door, make_order):
    return make_order(paid=False)


@pytest.fixture
def ana(client, cast):
    client.force_login(cast.ana)
    return client


def see(client, order, path="", **more):
    answer = client.get(f"/orders/{order.public_id}/pay/{path}", **more)
    return answer.status_code, answer.content.decode()


def attempt_of(order):
    return Attempt.objects.filter(order=order).order_by("-seq").first()


def test_the_code_is_there_at_first_sight_and_the_same_at_the_second(order, ana, simulator):
    status, page = see(ana, order)
    assert status == 200
    assert '<svg role="img" aria-label="QR"' in page
    assert "I have paid" in page
    assert f"{simulator.url}/scan?code_url=weixin" in page
    see(ana, order)
    assert Attempt.objects.filter(order=order).count() == 1


def test_a_phone_is_sent_to_the_wallet(order, ana, simulator):
    _, page = see(ana, order, HTTP_USER_AGENT=PHONE)
    assert attempt_of(order).form == "h5"
    assert 'id="cashier"' in page
    assert 'aria-label="QR"' not in page


def test_the_other_channel_replaces_the_first(order, ana, simulator):
    see(ana, order)
    first = attempt_of(order)
    answer = ana.post(f"/orders/{order.public_id}/pay/", {"channel": "ALIPAY"}, follow=True)
    assert "Open Alipay" in answer.content.decode()
    assert fresh(first).state == "CLOSED"
    assert attempt_of(order).channel == "ALIPAY"


def test_refuses_a_channel_that_is_none(order, ana):
    for channel in ("CASH", "BITCOIN", ""):
        answer = ana.post(f"/orders/{order.public_id}/pay/", {"channel": channel})
        assert answer.status_code == 422
        assert "Choose WeChat Pay or Alipay" in answer.content.decode()


def test_i_have_paid_asks_once_and_then_rests(order, ana, simulator):
    see(ana, order)
    for _ in range(3):
        answer = ana.post(f"/orders/{order.public_id}/pay/check/")
        assert "has not seen a payment yet" in answer.content.decode()
    operations = [line["operation"] for line in simulator.ask("log")["log"] if line["what"] == "call"]
    assert operations.count("query") == 1


def test_i_have_paid_finds_money_whose_notification_got_lost(order, ana, simulator):
    simulator.faults(lost=1)
    see(ana, order)
    simulator.pay(attempt_of(order).out_trade_no)
    until(lambda: simulator.fired("lost"))
    answer = ana.post(f"/orders/{order.public_id}/pay/check/", HTTP_HX_REQUEST="true")
    words = answer.content.decode()
    assert f'data-go="/orders/{order.public_id}/"' in words
    assert "<html" not in words
    assert fresh(order).payment_status == "PAID"


def test_a_silent_gateway_is_said_and_the_other_one_offered(order, ana, simulator):
    simulator.faults(error_before={"rate": 1, "on": "create"})
    _, page = see(ana, order)
    assert simulator.fired("error_before") == 1
    assert "WeChat Pay is slow to answer." in page
    assert "Pay with Alipay instead" in page


def test_the_card_answers_204_until_something_changes(order, ana, simulator):
    _, page = see(ana, order)
    seen = page.partition("/pay/card/?seen=")[2].partition('"')[0]
    assert see(ana, order, f"card/?seen={seen}")[0] == 204
    simulator.pay(attempt_of(order).out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    status, card = see(ana, order, f"card/?seen={seen}")
    assert status == 200
    assert "Thank you. Taking you to your order…" in card


def test_a_paid_order_leads_on(order, ana, simulator):
    see(ana, order)
    simulator.pay(attempt_of(order).out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    answer = ana.get(f"/orders/{order.public_id}/pay/")
    assert (answer.status_code, answer.url) == (302, f"/orders/{order.public_id}/")


def test_the_end_of_the_time_is_said(order, ana, simulator):
    see(ana, order)
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    assert "Time is up. Asking WeChat Pay first…" in see(ana, order)[1]
    assert expire_due() == 1
    page = see(ana, order)[1]
    assert "Nothing was charged." in page
    assert "Order again" in page


def test_late_money_is_said_in_full_here_and_on_the_order_page(order, ana, simulator):
    see(ana, order)
    attempt = attempt_of(order)
    orders.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(attempt).disposition)
    assert "Your money arrived after the order was closed" in see(ana, order)[1]
    page = ana.get(f"/orders/{order.public_id}/").content.decode()
    assert "Your payment came late, all of it goes back" in page
    assert "Arrives in your WeChat balance" in page
    assert page.count("There is nothing you need to do.") == 1
    assert "Nothing was charged" not in page


def test_speaks_chinese(order, ana, simulator):
    ana.cookies["language"] = "zh-hans"
    _, page = see(ana, order)
    for words in ("支付订单", "我已支付", "商品为您保留", "微信支付", "取消订单"):
        assert words in page


def test_a_guest_pays_with_the_link_in_the_session(door, client, noodles, cast):
    wanted = Placement(shop_id=noodles.shop.public_id, items=noodle_items(noodles), method="ALIPAY", address=ADDRESS)
    order = place_order(wanted, customer=None, guest_secret="s" * 40)
    assert see(client, order)[0] == 404
    session = client.session
    session["guest_orders"] = [order.public_id]
    session.save()
    status, page = see(client, order)
    assert status == 200
    assert "Open Alipay" in page


@pytest.mark.parametrize("who", ["mallory", "bruno", "ravi", "sam"])
def test_is_nobody_elses_page(who, order, cast, client):
    client.force_login(getattr(cast, who))
    for path in ("", "card/"):
        assert see(client, order, path)[0] == 404
    for path in ("", "check/"):
        assert client.post(f"/orders/{order.public_id}/pay/{path}", {"channel": "WECHAT"}).status_code == 404
    assert Attempt.objects.count() == 0
