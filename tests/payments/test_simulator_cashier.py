"""The cashier as a buyer meets it."""

from datetime import UTC, datetime

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


def test_after_declining_one_may_pay(simulator, opened):
    no = opened("native")
    simulator.http.post(cashier(simulator, no), data={"decision": "decline"})
    page = simulator.http.post(cashier(simulator, no), data={"decision": "pay"}, follow_redirects=True).text
    assert 'data-state="paid"' in page


@pytest.mark.parametrize("decision", [None, "", "both", "PAY"])
def test_anything_but_pay_moves_nothing(decision, simulator, opened):
    no = opened("native")
    simulator.http.post(cashier(simulator, no), data={"decision": decision} if decision is not None else {})
    assert simulator.trade(no)["state"] == "NOTPAY"


@pytest.mark.parametrize(
    ("headers", "query", "language", "word"),
    [
        ({}, "", "en", "Pay ¥12.34"),
        ({"accept-language": "zh-CN,zh;q=0.9"}, "", "zh-Hans", "支付 ¥12.34"),
        ({"accept-language": "zh-CN"}, "?lang=en", "en", "Pay ¥12.34"),
        ({}, "?lang=zh-Hans", "zh-Hans", "支付 ¥12.34"),
        ({"accept-language": "de"}, "?lang=de", "en", "Pay ¥12.34"),
    ],
)
def test_speaks_the_buyers_language(headers, query, language, word, simulator, opened):
    page = simulator.http.get(cashier(simulator, opened("native")) + query, headers=headers).text
    assert f'<html lang="{language}">' in page
    assert word in page


def test_keeps_the_language_through_paying(simulator, opened):
    address = cashier(simulator, opened("native")) + "?lang=zh-Hans"
    paid = simulator.http.post(address, data={"decision": "pay"}, follow_redirects=True)
    assert '<html lang="zh-Hans">' in paid.text
    assert "支付成功" in paid.text


def test_wechats_h5_page_returns_to_the_address_that_the_shop_hung_on(simulator, ask):
    created = GATEWAYS["WECHAT"].create(ask("h5", return_url="https://shop.example/orders/x/?a=1&b=2"))
    assert 'href="https://shop.example/orders/x/?a=1&amp;b=2"' in simulator.http.get(created.redirect_url).text
    paid = simulator.http.post(created.redirect_url, data={"decision": "pay"})
    assert paid.headers["location"] == "https://shop.example/orders/x/?a=1&b=2"


@pytest.mark.parametrize("bad", ["javascript:alert(1)", "data:text/html,x", "//evil.example", '"><script>'])
def test_no_link_leads_anywhere_but_into_the_web(bad, simulator, ask):
    created = GATEWAYS["WECHAT"].create(ask("h5"))
    page = simulator.http.get(created.redirect_url, params={"redirect_url": bad}).text
    assert 'id="back"' not in page
    assert "<script" not in page
    location = simulator.http.post(created.redirect_url, params={"redirect_url": bad}, data={"decision": "pay"})
    assert location.headers["location"].startswith("/cashier/")


def test_after_paying_by_alipay_the_link_back_is_signed(simulator, opened):
    no = opened("page")
    assert 'href="http://127.0.0.1:9/orders/x/"' in simulator.http.get(cashier(simulator, no)).text
    simulator.pay(no)
    page = simulator.http.get(cashier(simulator, no)).text
    assert "sign_type=RSA2" in page
    assert f"out_trade_no={no}" in page


def test_says_until_when_one_may_pay(simulator, opened):
    no = opened("native", expires_at=datetime(2099, 1, 1, 4, 5, 6, tzinfo=UTC))
    assert "2099-01-01 12:05:06" in simulator.http.get(cashier(simulator, no)).text


@pytest.mark.parametrize("form", ["native", "qr", "h5", "page", "wap"])
def test_every_form_of_payment_can_be_paid_here(form, simulator, opened):
    no = opened(form)
    simulator.http.post(cashier(simulator, no), data={"decision": "pay"})
    assert GATEWAYS[channel_of(form)].query(no).state == "SUCCESS"


def test_is_for_no_cache_and_tells_no_one_where_it_was(simulator, opened):
    headers = simulator.http.get(cashier(simulator, opened("native"))).headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
