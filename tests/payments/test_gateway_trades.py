"""Both adapters against the real protocols: create, pay, query, close, refund."""

from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import GATEWAYS, notify_url
from payments.gateways.base import Definitive, Misconfigured, RefundAsk
from tests.payments.conftest import channel_of, until

FORMS = ["native", "h5", "page", "wap", "qr"]


def ask_refund(no: str, refund_no: str, amount: int = 234) -> RefundAsk:
    return RefundAsk(out_trade_no=no, out_refund_no=refund_no, amount_minor=amount, total_minor=1234)


@pytest.mark.parametrize("form", FORMS)
def test_a_paid_trade_tells_number_amount_and_moment(form, simulator, opened):
    no = opened(form)
    gateway = GATEWAYS[channel_of(form)]
    assert gateway.query(no).state == "NOTPAY"

    simulator.pay(no)
    seen = gateway.query(no)

    assert (seen.state, seen.amount_minor, seen.currency) == ("SUCCESS", 1234, "CNY")
    assert seen.gateway_txn_no == simulator.trade(no)["txn_no"]
    assert abs(seen.paid_at - datetime.now(tz=UTC)) < timedelta(seconds=30)
    assert seen.merchant_account == gateway.merchant_account


@pytest.mark.parametrize("form", ["native", "page"])
def test_a_coupon_of_the_gateway_does_not_make_the_amount_smaller(form, simulator, opened):
    """The gateway pays the coupon to us; the order's total is what counts, not what the payer paid."""
    no = opened(form)
    simulator.pay(no, coupon=300)
    gateway = GATEWAYS[channel_of(form)]
    assert gateway.query(no).amount_minor == 1234
    assert gateway.parse_notification(*simulator.notice(no)).payment.amount_minor == 1234


def test_a_native_code_leads_to_the_cashier(simulator, ask):
    created = GATEWAYS["WECHAT"].create(ask("native"))
    assert created.code_url.startswith("weixin://wxpay/bizpayurl?pr=")
    assert created.redirect_url is None


def test_a_page_payment_calls_nobody_and_is_absent_until_the_buyer_comes(simulator, ask):
    """A signed address is all there is: Alipay learns of the trade from the buyer's browser."""
    wanted = ask("page")
    created = GATEWAYS["ALIPAY"].create(wanted)
    assert simulator.calls(wanted.out_trade_no, "create") == []
    assert GATEWAYS["ALIPAY"].query(wanted.out_trade_no).state == "ABSENT"
    assert GATEWAYS["ALIPAY"].close(wanted.out_trade_no) == "ABSENT"
    simulator.http.get(created.redirect_url)
    assert GATEWAYS["ALIPAY"].query(wanted.out_trade_no).state == "NOTPAY"


def test_a_qr_payment_of_alipay_is_absent_until_it_is_scanned(simulator, ask):
    wanted = ask("qr")
    created = GATEWAYS["ALIPAY"].create(wanted)
    assert GATEWAYS["ALIPAY"].query(wanted.out_trade_no).state == "ABSENT"
    simulator.http.get("/scan", params={"code_url": created.code_url}, follow_redirects=True)
    assert GATEWAYS["ALIPAY"].query(wanted.out_trade_no).state == "NOTPAY"


def test_wechat_does_not_know_a_number_nobody_used(simulator):
    assert GATEWAYS["WECHAT"].query("never-used-1").state == "ABSENT"
    assert GATEWAYS["WECHAT"].close("never-used-1") == "ABSENT"


def test_the_same_ask_again_is_the_same_payment(simulator, ask):
    wanted = ask("native")
    first, second = (GATEWAYS["WECHAT"].create(wanted) for _ in range(2))
    assert first.code_url == second.code_url


def test_a_number_used_for_another_amount_is_refused(simulator, ask):
    wanted = ask("native")
    GATEWAYS["WECHAT"].create(wanted)
    with pytest.raises(Definitive) as caught:
        GATEWAYS["WECHAT"].create(ask("native", out_trade_no=wanted.out_trade_no, amount_minor=99))
    assert caught.value.code == "OUT_TRADE_NO_USED"


@pytest.mark.parametrize("form", ["native", "page"])
def test_a_closed_payment_cannot_be_paid(form, simulator, opened):
    no = opened(form)
    gateway = GATEWAYS[channel_of(form)]
    assert gateway.close(no) == "CLOSED"
    assert gateway.close(no) == "CLOSED", "closing twice is no error"
    assert simulator.http.post("/oracle/pay", json={"out_trade_no": no}).status_code == 409
    assert gateway.query(no).state == "CLOSED"


@pytest.mark.parametrize("form", ["native", "page"])
def test_closing_after_the_money_came_says_so(form, simulator, opened):
    no = opened(form)
    simulator.pay(no)
    assert GATEWAYS[channel_of(form)].close(no) == "PAID"


@pytest.mark.parametrize("form", ["native", "page"])
def test_the_gateway_keeps_our_deadline(form, simulator, opened):
    """time_expire travels as Beijing time: an hour's mistake would leave the payment open."""
    no = opened(form, expires_at=datetime.now(tz=UTC) + timedelta(minutes=14))
    simulator.tell("clock", advance=13 * 60)
    assert GATEWAYS[channel_of(form)].query(no).state == "NOTPAY"
    simulator.tell("clock", advance=2 * 60)
    assert GATEWAYS[channel_of(form)].query(no).state == "CLOSED"


@pytest.mark.parametrize("form", ["native", "page"])
def test_one_refund_number_refunds_once(form, simulator, opened):
    no = opened(form)
    gateway = GATEWAYS[channel_of(form)]
    simulator.pay(no)
    for _ in range(3):
        asked = gateway.refund(ask_refund(no, f"r{no}"))
        assert (asked.out_refund_no, asked.amount_minor) == (f"r{no}", 234)
    done = until(lambda: (seen := gateway.query_refund(no, f"r{no}")).state == "SUCCESS" and seen)
    assert (done.amount_minor, done.refunded_at is not None) == (234, True)
    assert simulator.trade(no)["refunded"] == 234


@pytest.mark.parametrize("form", ["native", "page"])
def test_a_refund_above_the_rest_is_refused(form, simulator, opened):
    no = opened(form)
    gateway = GATEWAYS[channel_of(form)]
    simulator.pay(no)
    gateway.refund(ask_refund(no, f"r1{no}", 1000))
    with pytest.raises(Definitive):
        gateway.refund(ask_refund(no, f"r2{no}", 235))
    assert gateway.query_refund(no, f"r2{no}").state == "ABSENT"


@pytest.mark.parametrize("form", ["native", "page"])
def test_a_refund_of_an_unpaid_trade_is_refused(form, simulator, opened):
    no = opened(form)
    with pytest.raises(Definitive):
        GATEWAYS[channel_of(form)].refund(ask_refund(no, f"r{no}"))


def test_a_trade_given_back_in_full_still_says_that_it_was_paid(simulator, opened):
    """Alipay's TRADE_CLOSED means "never paid" as well as "given back": the moment of payment tells them apart."""
    no = opened("page")
    simulator.pay(no)
    GATEWAYS["ALIPAY"].refund(ask_refund(no, f"r{no}", 1234))
    seen = GATEWAYS["ALIPAY"].query(no)
    assert (seen.state, seen.amount_minor) == ("REFUNDED", 1234)
    assert seen.paid_at is not None
    assert seen.gateway_txn_no


@pytest.mark.parametrize(("channel", "form"), [("WECHAT", "page"), ("ALIPAY", "native"), ("CASH", "qr")])
def test_a_form_the_channel_does_not_have_is_our_own_fault(channel, form, simulator, ask):
    with pytest.raises(Misconfigured):
        GATEWAYS[channel].create(ask(form))


def test_cash_sends_the_buyer_nowhere(ask):
    cash = GATEWAYS["CASH"]
    created = cash.create(ask("door"))
    assert (created.code_url, created.redirect_url) == (None, None)
    assert cash.query("any").state == "NOTPAY"
    assert cash.close("any") == "CLOSED"


def test_the_notify_address_has_no_query(simulator, settings):
    settings.PUBLIC_URL = "https://shop.example/"
    assert notify_url("WECHAT") == "https://shop.example/callbacks/wechat"
    assert notify_url("ALIPAY") == "https://shop.example/callbacks/alipay"


@pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
def test_the_bill_of_yesterday_lists_every_movement(channel, simulator, opened):
    form = "native" if channel == "WECHAT" else "page"
    gateway = GATEWAYS[channel]
    paid, given_back = opened(form), opened(form)
    opened(form)  # unpaid: no movement
    for no in (paid, given_back):
        simulator.pay(no)
    gateway.refund(ask_refund(given_back, f"r{given_back}"))
    day = (datetime.now(tz=UTC) + timedelta(hours=8)).date()
    with pytest.raises(Definitive):
        gateway.fetch_bill(day)

    simulator.tell("clock", advance=86400)
    bill = gateway.fetch_bill(day)

    assert (bill.paid_minor, bill.refunded_minor) == (2468, 234)
    refund = next(line for line in bill.lines if line.kind == "refund")
    assert (refund.out_trade_no, refund.out_refund_no, refund.amount_minor) == (given_back, f"r{given_back}", 234)
    assert {line.gateway_txn_no for line in bill.lines} == {simulator.trade(no)["txn_no"] for no in (paid, given_back)}
    assert sum(line.fee_minor for line in bill.lines) == 7 + 7 - 1
