"""The cashier as a buyer meets it."""

import pytest

from payments.gateways import GATEWAYS
from tests.payments.conftest import channel_of


def cashier(simulator, no):
    return simulator.trade(no)["cashier"]


@pytest.mark.parametrize("form", ["native", "page", "qr"])
def test_shows_amount_and_subject_and_says_that_no_money_moves(form, simulator, opened):
    page = simulator.http.get(cashier(simulator, opened(form))).text
    assert 'id="amount">¥12.34<' in page
    assert "牛肉面 } 2 × Beef noodles" in page
    assert "simulator: no money moves" in page
    assert 'data-state="open"' in page


def test_paying_by_wechat_shows_paid(simulator, opened, ear):
    no = opened("native")
    page = simulator.http.post(cashier(simulator, no), data={"decision": "pay"}, follow_redirects=True)
    assert 'data-state="paid"' in page.text
    assert 'id="pay"' not in page.text
    assert GATEWAYS["WECHAT"].query(no).state == "SUCCESS"
    assert GATEWAYS["WECHAT"].parse_notification(*ear.next()).payment.out_trade_no == no


def test_paying_by_alipay_leads_back_to_the_shop(simulator, opened, ear):
    no = opened("page")
    answer = simulator.http.post(cashier(simulator, no), data={"decision": "pay"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://127.0.0.1:9/orders/x/?charset=utf-8&out_trade_no=" + no)
    assert GATEWAYS["ALIPAY"].parse_notification(*ear.next()).payment.out_trade_no == no


@pytest.mark.parametrize("form", ["native", "page"])
def test_declining_moves_nothing_and_can_be_thought_over(form, simulator, opened):
    no = opened(form)
    page = simulator.http.post(cashier(simulator, no), data={"decision": "decline"}).text
    assert 'data-state="declined"' in page
    assert 'id="pay"' in page
    assert GATEWAYS[channel_of(form)].query(no).state == "NOTPAY"


@pytest.mark.parametrize("form", ["native", "page"])
def test_pressing_pay_twice_takes_the_money_once(form, simulator, opened):
    no = opened(form)
    for expected in (303, 409):
        assert simulator.http.post(cashier(simulator, no), data={"decision": "pay"}).status_code == expected
    assert simulator.trade(no)["captured"] == 1234


def test_a_closed_payment_offers_no_button(simulator, opened):
    no = opened("native")
    GATEWAYS["WECHAT"].close(no)
    page = simulator.http.get(cashier(simulator, no)).text
    assert 'data-state="closed"' in page
    assert 'id="pay"' not in page
    assert simulator.http.post(cashier(simulator, no), data={"decision": "pay"}).status_code == 409


def test_an_expired_payment_says_so(simulator, opened):
    no = opened("page")
    simulator.tell("clock", advance=3600)
    page = simulator.http.get(cashier(simulator, no)).text
    assert 'data-state="expired"' in page
    assert 'id="pay"' not in page


def test_reopening_the_signed_address_after_paying_shows_paid(simulator, ask):
    created = GATEWAYS["ALIPAY"].create(wanted := ask("page"))
    simulator.http.get(created.redirect_url)
    simulator.pay(wanted.out_trade_no)
    assert 'data-state="paid"' in simulator.http.get(created.redirect_url, follow_redirects=True).text


@pytest.mark.parametrize("path", ["/scan?code_url=weixin://wxpay/bizpayurl?pr=nope", "/cashier/wechat/nope"])
def test_an_unknown_code_is_told_so(path, simulator):
    answer = simulator.http.get(path)
    assert answer.status_code == 404
    assert 'data-state="absent"' in answer.text


def test_a_subject_is_text_not_markup(simulator, opened):
    no = opened("native", subject="<script>alert(1)</script>")
    assert "<script>" not in simulator.http.get(cashier(simulator, no)).text
