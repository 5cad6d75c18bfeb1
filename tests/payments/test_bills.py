"""Yesterday's bill beside our books: what is missed is recorded, what is foreign or wrong is reported."""

import gzip
import hashlib
import io
import tracemalloc
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from config.ground import clock
from payments import billing, ledger
from payments.billing import fetching
from payments.gateways import GATEWAYS
from payments.gateways.base import Definitive, Unknown
from payments.gateways.bills import BEIJING, read_alipay, read_wechat
from payments.models import Attempt, Bill, BillLine, Difference, DifferenceStep, InboxEntry, Refund
from payments.passes import Budget
from payments.services import request_refund
from payments.simulator import bill_papers
from tests.payments.conftest import until
from tests.payments.paying import fresh, start
from tests.payments.test_clock import push_now

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def today():
    return datetime.now(tz=BEIJING).date()


@pytest.fixture
def silent(simulator, door):
    simulator.faults(lost=1)
    return simulator


@pytest.fixture
def paid(simulator, door, make_order):
    """An order paid by WeChat Pay, which we know."""
    order = make_order(paid=False)
    attempt = start(order)
    simulator.pay(attempt.out_trade_no)
    until(lambda: fresh(order).payment_status == "PAID")
    return fresh(attempt)


def pass_midnight(simulator, days=1):
    simulator.tell("clock", advance=86400 * days)


def stories():
    return list(Difference.objects.order_by("pk").values_list("kind", "state"))


def test_a_bill_that_agrees_leaves_no_difference_and_its_fee_in_the_books(simulator, paid, today):
    pass_midnight(simulator)
    bill = billing.fetch("WECHAT", today)
    assert (bill.state, bill.line_count, bill.equal_count, bill.paid_minor) == ("COMPARED", 1, 1, paid.paid_minor)
    assert Difference.objects.count() == 0
    assert bill.fee_minor > 0
    assert ledger.balance("expense:gateway_fee") == bill.fee_minor
    billing.fetch("WECHAT", today)
    assert (Bill.objects.count(), BillLine.objects.count(), Difference.objects.count()) == (1, 1, 0)
    assert ledger.balance("expense:gateway_fee") == bill.fee_minor, "booked once"


@pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
def test_money_of_which_we_never_heard_is_recorded_from_the_bill(channel, silent, make_order, today):
    order = make_order(paid=False)
    attempt = start(order, channel)
    if attempt.redirect_url:
        silent.http.get(attempt.redirect_url, follow_redirects=True).raise_for_status()
    silent.pay(attempt.out_trade_no)
    until(lambda: silent.fired("lost"))
    pass_midnight(silent)
    bill = billing.fetch(channel, today)
    assert (fresh(attempt).disposition, fresh(order).payment_status) == ("APPLIED", "PAID")
    assert stories() == [("GATEWAY_ONLY", "AUTO_FIXED")]
    assert InboxEntry.objects.filter(source="BILL", out_trade_no=attempt.out_trade_no).count() == 1
    again = billing.fetch(channel, today)
    assert (bill.equal_count, again.equal_count) == (0, 1)
    assert len(stories()) == 1


def test_a_refund_made_at_the_console_is_booked(simulator, paid, today):
    simulator.faults(lost=1)
    simulator.tell("console_refund", out_trade_no=paid.out_trade_no, amount=100)
    pass_midnight(simulator)
    billing.fetch("WECHAT", today)
    refund = Refund.objects.get()
    assert (refund.state, refund.amount_minor, refund.found_by) == ("SUCCESS", 100, "BILL")
    assert ("REFUND_ONLY_GATEWAY", "AUTO_FIXED") in stories()
    assert {state for _kind, state in stories()} == {"AUTO_FIXED"}
    assert fresh(paid).refunded_minor == 100


def test_a_refund_whose_end_we_did_not_hear_is_ended_by_the_bill(simulator, paid, today):
    refund = request_refund(paid.order.public_id, amount_minor=100, reason="MANUAL", words="sorry", key="one")
    simulator.faults(lost=1)
    push_now()
    until(lambda: simulator.trade(paid.out_trade_no)["refunded"] == 100)
    assert fresh(refund).state != "SUCCESS"
    pass_midnight(simulator)
    bill = billing.fetch("WECHAT", today)
    assert fresh(refund).state == "SUCCESS"
    assert bill.line_count == 2
    assert stories() == [("REFUND_STATE", "AUTO_FIXED")]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("bill_short", [("LOCAL_ONLY", "WAIT_NEXT_DAY")]),
        ("bill_extra", [("GATEWAY_ONLY", "OPEN")]),
        ("bill_off_by_one", [("AMOUNT", "OPEN")]),
    ],
)
def test_a_bill_that_is_wrong_changes_nothing_and_is_reported(fault, expected, simulator, paid, today, make_order):
    """When the gateway corrects its bill, the same command ends the difference."""
    other = start(make_order(paid=False))
    simulator.pay(other.out_trade_no)
    until(lambda: fresh(other).disposition == "APPLIED")
    simulator.faults(**{fault: {"rate": 1, "times": 1}})
    pass_midnight(simulator)
    billing.fetch("WECHAT", today)
    assert simulator.fired(fault) == 1
    assert stories() == expected
    assert fresh(paid).disposition == "APPLIED"
    simulator.faults()
    billing.fetch("WECHAT", today)
    assert [state for _kind, state in stories()] == ["AUTO_FIXED"]


def test_what_is_missing_waits_for_the_next_bill_and_is_found_there(simulator, paid, today):
    """We kept it under the day before: the gateway cut its day a second earlier than we did."""
    Attempt.objects.filter(pk=paid.pk).update(bill_date=today - DAY)
    Bill.objects.create(
        channel="WECHAT", merchant_account=paid.merchant_account, day=today - DAY, state="FETCHED", line_count=0
    )
    fetching.compare(Bill.objects.get())
    assert stories() == [("LOCAL_ONLY", "WAIT_NEXT_DAY")]
    pass_midnight(simulator)
    bill = billing.fetch("WECHAT", today)
    assert stories() == [("LOCAL_ONLY", "AUTO_FIXED")]
    assert fresh(paid).bill_date == today
    assert bill.equal_count == 1


def test_what_the_next_bill_does_not_show_either_is_for_a_person(simulator, paid, today):
    bills = [
        Bill.objects.create(channel="WECHAT", merchant_account=paid.merchant_account, day=day, state="FETCHED")
        for day in (today, today + DAY)
    ]
    for bill in bills:
        fetching.compare(bill)
    assert stories() == [("LOCAL_ONLY", "OPEN")]
    assert list(DifferenceStep.objects.values_list("did", flat=True)) == ["found", "reopened"]


def test_what_was_decided_is_not_asked_again(simulator, paid, today):
    simulator.faults(bill_off_by_one=1)
    pass_midnight(simulator)
    billing.fetch("WECHAT", today)
    Difference.objects.update(state="IGNORED", remark="their correction is on its way")
    billing.fetch("WECHAT", today)
    assert simulator.fired("bill_off_by_one") == 2
    assert stories() == [("AMOUNT", "IGNORED")]


def test_a_bill_that_is_not_there_is_waited_for(simulator, paid, today):
    simulator.faults(bill_late={"rate": 1, "times": 1})
    pass_midnight(simulator)
    bill = billing.fetch("WECHAT", today)
    assert simulator.fired("bill_late") == 1
    assert bill.state == "WAITING"
    assert bill.why
    assert billing.fetch("WECHAT", today).state == "COMPARED"
    assert Bill.objects.get().tries == 2


def test_a_bill_late_for_a_day_is_an_alarm_and_a_day_without_money_has_none(simulator, paid, today, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime.now(tz=UTC) + 3 * DAY)
    simulator.faults(bill_late=1)
    assert billing.fetch("WECHAT", today).state == "WAITING"
    assert billing.overdue(clock.now()) == 1
    assert billing.fetch("WECHAT", today - DAY).state == "COMPARED"
    assert billing.overdue(clock.now()) == 1


def test_the_check_fetches_the_missing_days_once(simulator, paid, monkeypatch):
    day = datetime.now(tz=BEIJING).date()
    pass_midnight(simulator, 3)
    noon = datetime.combine(day + 3 * DAY, datetime.min.time(), tzinfo=BEIJING) + timedelta(hours=12)
    monkeypatch.setattr(clock, "now", lambda: noon.astimezone(UTC))
    counts = billing.fetch_missing(Budget(60))
    assert (counts.looked_at, counts.repaired) == (14, 0)
    assert Bill.objects.filter(channel="WECHAT", day=day, state="COMPARED", line_count=1).exists()
    again = billing.fetch_missing(Budget(60))
    assert again.looked_at == counts.left, "what was compared is not fetched again"


def test_the_command_says_what_differs(simulator, paid, today, capsys):
    with pytest.raises(CommandError):
        call_command("bill", channel="WECHAT", day=today)
    simulator.faults(bill_off_by_one=1)
    pass_midnight(simulator)
    call_command("bill", channel="WECHAT", day=today)
    said = capsys.readouterr().out
    assert "1 lines, 0 equal" in said
    assert "OPEN AMOUNT" in said


def test_a_fee_that_is_not_what_was_agreed_is_reported_once(simulator, paid, today, monkeypatch):
    monkeypatch.setitem(fetching.FEE_PER_10000, "WECHAT", 20)
    pass_midnight(simulator)
    for _ in range(2):
        billing.fetch("WECHAT", today)
    found = Difference.objects.get()
    assert (found.kind, found.facts["lines"]) == ("FEE", 1)
    assert found.theirs_minor > found.ours_minor


def wechat_rows(count, *, wrong_total=False):
    head = bill_papers.WECHAT_HEAD.split(",")
    row = dict.fromkeys(head, "0") | {
        "交易时间": "2026-11-19 23:59:59", "交易状态": "SUCCESS", "退款状态": "", "手续费": "0.06000",
        "商品名称": '牛肉面, "大"', "订单金额": "10.00", "申请退款金额": "0.00",
    }  # fmt: skip
    lines = [bill_papers.WECHAT_HEAD]
    for n in range(count):
        cells = row | {"商户订单号": f"trade{n:07d}", "微信订单号": f"42{n:010d}"}
        lines.append(",".join(f"`{cells[name]}" for name in head))
    total = ["0"] * len(bill_papers.WECHAT_TOTAL.split(","))
    names = bill_papers.WECHAT_TOTAL.split(",")
    total[names.index("总交易单数")] = str(count)
    total[names.index("订单总金额")] = f"{count * 10 + wrong_total}.00"
    total[names.index("申请退款总金额")] = "0.00"
    lines += [bill_papers.WECHAT_TOTAL, ",".join(f"`{cell}" for cell in total)]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def opened(text):
    return read_wechat(date(2026, 11, 19), gzip.compress(text), hashlib.sha1(text).hexdigest())


def test_a_name_with_commas_and_quotes_is_one_cell():
    bill = opened(wechat_rows(2))
    lines = list(bill.lines)
    assert [line.out_trade_no for line in lines] == ["trade0000000", "trade0000001"]
    assert (lines[0].amount_minor, lines[0].fee_minor) == (1000, 6)
    assert lines[0].at == datetime(2026, 11, 19, 15, 59, 59, tzinfo=UTC)
    assert len(list(bill.lines)) == 2, "the lines can be read again"


def test_half_a_bill_is_no_bill():
    with pytest.raises(Unknown, match="does not add up"):
        list(opened(wechat_rows(2, wrong_total=True)).lines)
    text = wechat_rows(2)
    for packed in (gzip.compress(text)[:-20], gzip.compress(text[:-40]), b"", gzip.compress(b"x")):
        with pytest.raises(Unknown):
            read_wechat(date(2026, 11, 19), packed, hashlib.sha1(text).hexdigest())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("nothing.csv", "x")
    for packed in (b"PK", archive.getvalue()):
        with pytest.raises(Unknown):
            read_alipay(date(2026, 11, 19), packed)


def test_nothing_of_a_bill_that_does_not_add_up_is_kept(simulator, paid, today, monkeypatch):
    text = wechat_rows(3, wrong_total=True)
    monkeypatch.setattr(GATEWAYS["WECHAT"], "fetch_bill", lambda _day: opened(text))
    bill = billing.fetch("WECHAT", today)
    assert (bill.state, BillLine.objects.count(), Difference.objects.count()) == ("FAILED", 0, 0)
    assert "does not add up" in bill.why


def test_a_long_bill_is_read_without_holding_it():
    """200,000 lines of 30 MB of text: what is held at once stays below a tenth of them."""
    text = wechat_rows(200_000)
    packed, told = gzip.compress(text, 1), hashlib.sha1(text).hexdigest()
    size = len(text)
    del text
    tracemalloc.start()
    bill = read_wechat(date(2026, 11, 19), packed, told)
    count = sum(1 for _line in bill.lines)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200_000
    assert size > 30_000_000
    assert peak < size / 10


def test_cash_has_no_bill():
    with pytest.raises(Definitive):
        GATEWAYS["CASH"].fetch_bill(date(2026, 11, 19))
