"""Every fault of the simulator strikes when told to, is counted, and does what its name says."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from payments.gateways import GATEWAYS
from payments.gateways.base import Definitive, RefundAsk, Unknown
from payments.simulator.faults import KINDS, Faults, NoSuchFault
from tests.payments.conftest import channel_of, until

BOTH = pytest.mark.parametrize("form", ["native", "page"])
CHANNELS = pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
HERE = Path(__file__).parent


def give_back(form, no, amount=1234, number=""):
    ask = RefundAsk(out_trade_no=no, out_refund_no=number or f"r{no}", amount_minor=amount, total_minor=1234)
    return GATEWAYS[channel_of(form)].refund(ask)


def refund_state(form, no):
    return GATEWAYS[channel_of(form)].query_refund(no, f"r{no}").state


def today():
    return (datetime.now(tz=UTC) + timedelta(hours=8)).date()


def told(channel, heard):
    """What a notification is about: its kind and the gateway's state of it."""
    notice = GATEWAYS[channel].parse_notification(*heard)
    return notice.kind, (notice.refund or notice.payment).state


@pytest.fixture
def paid(simulator, opened, ear):
    """A paid trade whose notification was heard and acknowledged."""

    def make(form):
        no = opened(form)
        simulator.pay(no)
        ear.next()
        until(lambda: simulator.ask("totals")["letters_under_way"] == 0)
        return no

    return make


@pytest.fixture
def yesterday(simulator, opened):
    """Three paid trades of a day that is over: the day, and their numbers in the order of the bill."""

    def make(channel):
        form = "native" if channel == "WECHAT" else "page"
        numbers = [opened(form) for _ in range(3)]
        for no in numbers:
            simulator.pay(no)
        day = today()
        simulator.tell("clock", advance=86400)
        return day, numbers

    return make


def test_each_fault_has_a_test_that_saw_it_fire():
    """A fault without one may have stopped striking, and every test that relies on it would pass for nothing."""
    seen: set[str] = set()
    for file in HERE.glob("test_*.py"):
        text = file.read_text()
        seen |= set(re.findall(r'fired\("(\w+)"\)', text))
        if "fired(fault)" in text:
            seen |= {name for name in KINDS if f'"{name}"' in text}
    assert set(KINDS) <= seen, f"nobody saw these fire: {set(KINDS) - seen}"


def test_counts_every_fault_from_zero(simulator):
    assert simulator.ask("faults")["fired"] == dict.fromkeys(KINDS, 0)


@BOTH
def test_a_held_back_notification_is_overtaken_by_that_of_the_refund(form, simulator, opened, ear):
    simulator.faults(reordered={"rate": 1, "on": "payment", "seconds": 36000})
    no = opened(form)
    simulator.pay(no)
    assert simulator.ask("totals")["letters_under_way"] == 1
    give_back(form, no)
    kinds = [told(channel_of(form), ear.next())[0] for _ in range(2)]
    assert kinds == ["refund", "payment"]
    assert simulator.fired("reordered") == 1


def test_two_payments_are_told_in_the_wrong_order(simulator, opened, ear):
    simulator.faults(reordered={"rate": 1, "seconds": 36000})
    first, second = opened("native"), opened("native")
    simulator.pay(first)
    simulator.pay(second)
    heard = [GATEWAYS["WECHAT"].parse_notification(*ear.next()).payment.out_trade_no for _ in range(2)]
    assert heard == [second, first]
    assert simulator.fired("reordered") == 1, "the second was free to go"


def test_a_notification_that_nothing_overtook_is_no_reordered_one(simulator, opened, ear):
    simulator.faults(reordered={"rate": 1, "seconds": 30})  # 50 ms at this time scale
    simulator.pay(opened("native"))
    ear.next()
    assert simulator.fired("reordered") == 0


@pytest.mark.parametrize("form", ["native", "qr"])
def test_a_reset_breaks_the_answer_off_although_it_was_done(form, simulator, ask):
    simulator.faults(reset={"rate": 1, "on": "create", "times": 1})
    gateway, wanted = GATEWAYS[channel_of(form)], ask(form)
    with pytest.raises(Unknown):
        gateway.create(wanted)
    assert simulator.fired("reset") == 1
    assert simulator.trade(wanted.out_trade_no)["state"] == "NOTPAY"
    assert gateway.create(wanted).code_url.endswith(simulator.trade(wanted.out_trade_no)["token"])


def test_a_reset_comes_in_the_middle_of_the_body(simulator):
    simulator.faults(reset=1)
    received: list[bytes] = []
    with simulator.http.stream("GET", "/gateway.do") as answer:
        length = int(answer.headers["content-length"])
        with pytest.raises(httpx.ReadError):  # reset by peer, not merely closed
            received.extend(answer.iter_raw())
    assert 0 < sum(map(len, received)) < length
    assert simulator.fired("reset") == 1


def test_a_reset_strikes_an_answer_without_a_body_too(simulator, opened):
    no = opened("native")
    simulator.faults(reset={"rate": 1, "on": "close", "times": 1})
    with pytest.raises(Unknown):
        GATEWAYS["WECHAT"].close(no)
    assert simulator.fired("reset") == 1
    assert simulator.trade(no)["state"] == "CLOSED", "it was done all the same"


def test_an_answer_without_a_signature_has_none_to_break(simulator, ask):
    simulator.faults(unsigned=1)
    created = GATEWAYS["ALIPAY"].create(ask("page"))
    assert simulator.http.get(created.redirect_url).status_code == 303
    assert simulator.fired("unsigned") == 0


def test_a_notification_that_nothing_overtook_leaves_its_turn_to_another(simulator, opened, ear):
    simulator.faults(reordered={"rate": 1, "seconds": 30, "times": 1})
    simulator.pay(opened("native"))
    ear.next()
    until(lambda: simulator.ask("faults")["rules"]["reordered"]["times"] == 1)
    assert simulator.fired("reordered") == 0


@BOTH
def test_a_payment_is_captured_after_its_close_was_acknowledged(form, simulator, opened, ear):
    simulator.faults(paid_after_close={"rate": 1, "seconds": 60})  # 100 ms at this time scale
    no, gateway = opened(form), GATEWAYS[channel_of(form)]
    assert gateway.close(no) == "CLOSED"
    assert gateway.query(no).state == "CLOSED"
    assert told(channel_of(form), ear.next()) == ("payment", "SUCCESS")
    assert gateway.query(no).state == "SUCCESS"
    assert simulator.trade(no)["captured"] == 1234
    assert simulator.fired("paid_after_close") == 1


def test_a_late_capture_waits_for_the_gateways_own_clock(simulator, opened, ear):
    simulator.faults(paid_after_close={"rate": 1, "seconds": 600 * 7200})
    GATEWAYS["WECHAT"].close(opened("native"))
    assert simulator.ask("totals")["letters_under_way"] == 1, "it is still to come"
    simulator.tell("clock", advance=7201)
    assert told("WECHAT", ear.next()) == ("payment", "SUCCESS")
    assert simulator.fired("paid_after_close") == 1


@BOTH
def test_a_stuck_refund_ends_when_its_time_has_come(form, simulator, paid, ear):
    no = paid(form)
    simulator.faults(refund_stuck={"rate": 1, "seconds": 600 * 3600})
    pending = "PROCESSING" if form == "native" else "ABSENT"  # Alipay says nothing of a refund that is not done
    assert give_back(form, no).state == pending
    assert give_back(form, no).state == pending, "the same number again"
    assert simulator.fired("refund_stuck") == 1
    assert ear.heard.empty()
    simulator.tell("clock", advance=3601)
    assert told(channel_of(form), ear.next()) == ("refund", "SUCCESS")
    assert refund_state(form, no) == "SUCCESS"
    assert simulator.trade(no)["refunded"] == 1234


def test_an_abnormal_refund_waits_for_a_person(simulator, paid, ear):
    no = paid("native")
    simulator.faults(refund_abnormal=1)
    give_back("native", no)
    assert told("WECHAT", ear.next()) == ("refund", "ABNORMAL")
    assert refund_state("native", no) == "ABNORMAL"
    assert simulator.fired("refund_abnormal") == 1
    assert simulator.trade(no)["refunded"] == 0, "nothing has reached the buyer"
    with pytest.raises(Definitive):
        give_back("native", no, number=f"other{no}")

    simulator.tell("finish_refund", out_trade_no=no, out_refund_no=f"r{no}")
    assert told("WECHAT", ear.next()) == ("refund", "SUCCESS")
    assert refund_state("native", no) == "SUCCESS"
    assert simulator.trade(no)["refunded"] == 1234


def test_an_abnormal_refund_is_wechats_alone(simulator, paid):
    no = paid("page")
    simulator.faults(refund_abnormal=1)
    assert give_back("page", no).state == "SUCCESS"
    assert simulator.fired("refund_abnormal") == 0


@BOTH
def test_a_failed_refund_is_tried_again_under_its_number(form, simulator, paid, ear):
    no = paid(form)
    simulator.faults(refund_failed={"rate": 1, "times": 1})
    give_back(form, no)
    if form == "native":
        assert told("WECHAT", ear.next()) == ("refund", "CLOSED")
    assert refund_state(form, no) == ("CLOSED" if form == "native" else "ABSENT")
    assert simulator.fired("refund_failed") == 1
    assert simulator.trade(no)["refunded"] == 0

    give_back(form, no)
    assert told(channel_of(form), ear.next()) == ("refund", "SUCCESS")
    assert refund_state(form, no) == "SUCCESS"
    assert simulator.trade(no)["refunded"] == 1234


@pytest.mark.parametrize(
    ("form", "code"), [("native", "NOT_ENOUGH"), ("page", "ACQ.SELLER_BALANCE_NOT_ENOUGH")], ids=["wechat", "alipay"]
)
def test_a_refund_is_refused_while_our_balance_is_too_low(form, code, simulator, paid):
    no = paid(form)
    simulator.faults(not_enough={"rate": 1, "times": 1})
    with pytest.raises(Definitive) as refused:
        give_back(form, no)
    assert refused.value.code == code
    assert simulator.fired("not_enough") == 1
    assert refund_state(form, no) == "ABSENT"
    give_back(form, no)
    assert simulator.trade(no)["refunded"] == 1234


@pytest.mark.parametrize(
    ("channel", "code"), [("WECHAT", "STATEMENT_CREATING"), ("ALIPAY", "isp.bill_not_exist")], ids=["wechat", "alipay"]
)
def test_a_late_bill_is_there_the_next_time(channel, code, simulator, yesterday):
    day, numbers = yesterday(channel)
    simulator.faults(bill_late={"rate": 1, "times": 1})
    with pytest.raises(Definitive) as refused:
        GATEWAYS[channel].fetch_bill(day)
    assert refused.value.code == code
    assert simulator.fired("bill_late") == 1
    assert [line.out_trade_no for line in GATEWAYS[channel].fetch_bill(day).lines] == numbers


@CHANNELS
def test_a_short_bill_lacks_a_line_and_adds_up_all_the_same(channel, simulator, yesterday):
    day, numbers = yesterday(channel)
    simulator.faults(bill_short=1)
    bill = GATEWAYS[channel].fetch_bill(day)
    assert [line.out_trade_no for line in bill.lines] == numbers[1:]
    assert bill.paid_minor == 2 * 1234
    assert simulator.fired("bill_short") == 1
    assert "bill_short" in [line["what"] for line in simulator.ask("log", out_trade_no=numbers[0])["log"]]


@CHANNELS
def test_a_bill_with_an_extra_line_tells_of_a_payment_that_nobody_made(channel, simulator, yesterday):
    day, numbers = yesterday(channel)
    simulator.faults(bill_extra=1)
    bill = GATEWAYS[channel].fetch_bill(day)
    *known, extra = bill.lines
    assert [line.out_trade_no for line in known] == numbers
    assert simulator.http.get(f"/oracle/trades/{extra.out_trade_no}").status_code == 404
    assert bill.paid_minor == 3 * 1234 + extra.amount_minor
    assert simulator.fired("bill_extra") == 1


@CHANNELS
def test_a_bill_that_is_off_by_one_adds_up_all_the_same(channel, simulator, yesterday):
    """Only a comparison with our own records finds it."""
    day, _numbers = yesterday(channel)
    simulator.faults(bill_off_by_one=1)
    bill = GATEWAYS[channel].fetch_bill(day)
    assert sorted(line.amount_minor for line in bill.lines) == [1234, 1234, 1235]
    assert bill.paid_minor == 3 * 1234 + 1
    assert simulator.fired("bill_off_by_one") == 1


@pytest.mark.parametrize(
    ("channel", "code"), [("WECHAT", "NO_STATEMENT_EXIST"), ("ALIPAY", "isp.bill_not_exist")], ids=["wechat", "alipay"]
)
def test_a_day_without_movements_has_no_bill_and_no_line_to_lack(channel, code, simulator):
    simulator.tell("clock", advance=86400)
    simulator.faults(bill_short=1, bill_off_by_one=1)
    with pytest.raises(Definitive) as refused:
        GATEWAYS[channel].fetch_bill(today())
    assert refused.value.code == code
    assert simulator.fired("bill_short") == 0
    assert simulator.fired("bill_off_by_one") == 0


@BOTH
def test_a_gateway_that_hangs_answers_when_nobody_waits_any_more(form, simulator, opened):
    no = opened(form)
    simulator.faults(hang={"rate": 1, "on": "query", "seconds": 1.3, "times": 1})
    begun = time.monotonic()
    with pytest.raises(Unknown):
        GATEWAYS[channel_of(form)].query(no)
    assert time.monotonic() - begun < 1.3, "we gave up before"
    assert simulator.fired("hang") == 1
    until(lambda: simulator.calls(no, "query"))


@pytest.mark.parametrize(
    ("rules", "word"),
    [
        ({"lost": {"rate": 1, "on": "create"}}, "does not strike on"),
        ({"latency": {"rate": 1, "on": "payment"}}, "does not strike on"),
        ({"not_enough": {"rate": 1, "on": "refund"}}, "does not strike on"),
        ({"latency": {"rate": 1, "seconds": -1}}, "no length of time"),
        ({"latency": {"rate": 1, "seconds": "long"}}, "neither"),
        ({"lost": float("nan")}, "not between"),
        ({"lost": [1]}, "neither"),
    ],
)
def test_a_rule_that_cannot_strike_is_refused(rules, word):
    with pytest.raises(NoSuchFault, match=word):
        Faults(1, rules)


def test_a_fault_of_one_kind_of_notification_spares_the_other(simulator, paid, ear):
    no = paid("page")
    simulator.faults(lost={"rate": 1, "on": "refund"})
    other = paid("page")
    give_back("page", no)
    until(lambda: simulator.ask("totals")["letters_under_way"] == 0)
    assert ear.heard.empty()
    assert simulator.fired("lost") == 1
    assert [line["what"] for line in simulator.ask("log", out_trade_no=other)["log"]].count("notification lost") == 0
