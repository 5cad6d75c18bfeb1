"""What the oracle does behind the gateways' backs: refunds at their consoles, changed keys, moved clocks."""

import pytest

from payments.gateways import GATEWAYS
from payments.gateways.base import RefundAsk
from tests.payments.conftest import Simulator, channel_of, until

BOTH = pytest.mark.parametrize("form", ["native", "page"])


def quiet(simulator):
    return until(lambda: simulator.ask("totals")["letters_under_way"] == 0)


@BOTH
def test_a_refund_at_the_console_shows_in_the_trade_and_is_known_by_its_own_number(form, simulator, opened, ear):
    no, gateway = opened(form), GATEWAYS[channel_of(form)]
    simulator.pay(no)
    ear.next()
    done = simulator.tell("console_refund", out_trade_no=no, amount=1234, notify=False)
    assert done["amount"] == 1234
    assert gateway.query(no).state == "REFUNDED"
    until(lambda: gateway.query_refund(no, done["out_refund_no"]).state == "SUCCESS")
    assert simulator.trade(no)["refunded"] == 1234
    quiet(simulator)
    assert ear.heard.empty()


def test_alipay_tells_of_a_refund_at_its_console_by_itself(simulator, opened, ear):
    no = opened("page")
    simulator.pay(no)
    ear.next()
    done = simulator.tell("console_refund", out_trade_no=no, amount=234)
    told = GATEWAYS["ALIPAY"].parse_notification(*ear.next())
    assert (told.kind, told.refund.out_refund_no) == ("refund", done["out_refund_no"])
    assert (told.raw["refund_fee"], told.raw["trade_status"]) == ("2.34", "TRADE_SUCCESS")


def test_wechat_tells_of_a_refund_at_its_console_when_asked_to(simulator, opened, ear):
    no = opened("native")
    simulator.pay(no)
    ear.next()
    done = simulator.tell("console_refund", out_trade_no=no, amount=234, notify=True)
    told = GATEWAYS["WECHAT"].parse_notification(*ear.next())
    assert (told.kind, told.refund.out_refund_no) == ("refund", done["out_refund_no"])
    assert (told.refund.amount_minor, told.refund.gateway_refund_no) == (234, done["gateway_refund_no"])


@BOTH
@pytest.mark.parametrize(("amount", "status"), [(0, 400), (-1, 400), (10**30, 400), (1235, 409)])
def test_the_console_gives_nothing_back_that_is_not_there(form, amount, status, simulator, opened):
    no = opened(form)
    assert simulator.http.post("/oracle/console_refund", json={"out_trade_no": no, "amount": 1}).status_code == 409
    simulator.pay(no)
    answer = simulator.http.post("/oracle/console_refund", json={"out_trade_no": no, "amount": amount})
    assert answer.status_code == status
    assert simulator.trade(no)["refunded"] == 0


@BOTH
def test_what_the_console_gave_back_the_merchant_cannot_give_back_again(form, simulator, opened):
    no, gateway = opened(form), GATEWAYS[channel_of(form)]
    simulator.pay(no)
    simulator.tell("console_refund", out_trade_no=no, amount=1000)
    with pytest.raises(Exception, match=r"INVALID_REQUEST|REFUND_AMT"):
        gateway.refund(RefundAsk(out_trade_no=no, out_refund_no=f"r{no}", amount_minor=235, total_minor=1234))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"out_refund_no": "nobody's"}, 404),
        ({"out_refund_no": "known", "state": "LOST"}, 400),
        ({}, 400),
        ({"out_refund_no": "known"}, 409),
    ],
)
def test_a_refund_that_is_done_is_not_finished_again(body, status, simulator, opened):
    no = opened("page")
    simulator.pay(no)
    ask = RefundAsk(out_trade_no=no, out_refund_no="known", amount_minor=1, total_minor=1234)
    GATEWAYS["ALIPAY"].refund(ask)
    assert simulator.http.post("/oracle/finish_refund", json={"out_trade_no": no, **body}).status_code == status


@BOTH
def test_money_may_come_for_a_closed_trade(form, simulator, opened):
    no, gateway = opened(form), GATEWAYS[channel_of(form)]
    gateway.close(no)
    assert simulator.http.post("/oracle/pay", json={"out_trade_no": no}).status_code == 409
    simulator.pay(no, late=True)
    assert gateway.query(no).state == "SUCCESS"
    assert simulator.http.post("/oracle/pay", json={"out_trade_no": no, "late": True}).status_code == 409


def test_while_wechat_changes_its_key_both_are_believed(simulator, opened, ear):
    old = simulator.tell("rotate")["valid"][0]
    new = simulator.tell("rotate")["newest"]
    assert new != old
    no = _paid(simulator, opened, ear)
    assert GATEWAYS["WECHAT"].query(no).state == "SUCCESS", "answers carry a signature that the shop knows"
    serials = set()
    for _ in range(3):
        headers, body = simulator.notice(no)
        serials.add(headers["Wechatpay-Serial"])
        assert GATEWAYS["WECHAT"].parse_notification(headers, body).payment.state == "SUCCESS"
    assert len(serials) == 3, "notifications carry any of them"
    assert {old, new} <= serials


def test_a_retired_key_signs_nothing_any_more(simulator, opened, ear):
    simulator.tell("rotate")
    kept = simulator.tell("rotate", retire=True)
    assert kept["valid"] == [kept["newest"]]
    assert len(list(simulator.gateway_dir.glob("wechat_platform_public*.pem"))) == 1
    headers, body = simulator.notice(_paid(simulator, opened, ear))
    assert headers["Wechatpay-Serial"] == kept["newest"]
    assert GATEWAYS["WECHAT"].parse_notification(headers, body).payment.state == "SUCCESS"


def test_an_answer_is_signed_by_the_key_that_the_request_names(simulator, merchant):
    old = merchant.wechat["public_key_id"]
    new = simulator.tell("rotate", hand_over=False)["newest"]
    assert merchant.ask_wechat("GET", "/v3/certificates", serial=old).headers["wechatpay-serial"] == old
    assert merchant.ask_wechat("GET", "/v3/certificates", serial=new).headers["wechatpay-serial"] == new
    assert merchant.ask_wechat("GET", "/v3/certificates", serial="?").headers["wechatpay-serial"] == new


def test_changed_keys_survive_a_restart(tmp_path):
    simulator = Simulator(tmp_path)
    simulator.start()
    try:
        told = simulator.tell("rotate")
        simulator.stop()
        simulator.start()
        simulator.tell("rotate", retire=False, hand_over=False)
        assert simulator.tell("rotate", hand_over=False)["valid"][:2] == told["valid"]
    finally:
        simulator.stop()


def test_reset_leaves_one_key(simulator):
    simulator.tell("rotate")
    simulator.tell("reset")
    assert len(simulator.tell("rotate", retire=True)["valid"]) == 1


def _paid(simulator, opened, ear):
    no = opened("native")
    simulator.pay(no)
    ear.next()
    quiet(simulator)
    return no


@pytest.mark.parametrize(
    "change",
    [{"amount": 0}, {"amount": -5}, {"amount": 10**30}, {"coupon": -1}, {"coupon": 1234}, {"amount": 1, "coupon": 1}],
    ids=str,
)
def test_nobody_pays_an_amount_that_is_none(change, simulator, opened):
    no = opened("native")
    assert simulator.http.post("/oracle/pay", json={"out_trade_no": no, **change}).status_code == 400
    assert simulator.trade(no)["state"] == "NOTPAY"


@pytest.mark.parametrize("advance", ["Infinity", "NaN", "1e300", "-1e12", "null", '"soon"'])
def test_the_clock_is_not_moved_out_of_the_calendar(advance, simulator):
    answer = simulator.http.post("/oracle/clock", content=f'{{"advance": {advance}}}'.encode())
    assert answer.status_code == 400
    assert simulator.tell("clock", advance=0) == {"ahead": 0.0}
