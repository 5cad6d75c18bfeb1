"""The same money never goes back twice unseen: by hand and by the gateway, for a line and for its strike-out."""

import pytest

from config.ground import clock
from orders import services
from orders.actors import SYSTEM, as_merchant, as_staff
from payments import passes, refunds, remedies, settle
from payments.billing import fetching
from payments.gateways.base import RefundSeen, Seen
from payments.gateways.bills import BEIJING
from payments.models import Attempt, Bill, BillLine, Difference, Refund
from payments.services import refund_by_shop, request_refund
from tests.conftest import walk
from tests.payments.paying import fresh, hear
from tests.payments.test_returns import all_back, balanced, pay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(make_order):
    order = make_order(paid=False)
    return order, pay(order)


@pytest.fixture
def by_hand(paid, cast):
    """A refund that the gateway refused until support looked, sent by bank transfer then."""
    order, attempt = paid
    refund = request_refund(order.public_id, amount_minor=500, reason="MANUAL", words="sorry", key="one")
    refunds.record_refund(told(refund, attempt, "CLOSED"))
    passes.push_refunds(passes.Budget(5))
    assert states() == [("REFUND_STATE", "OPEN")]
    refunds.give_back_another_way(refund.out_refund_no, reference="BANK-0001", actor=as_staff(cast.sam))
    return fresh(refund)


def told(refund, attempt, state):
    return RefundSeen(
        out_trade_no=attempt.out_trade_no, out_refund_no=refund.out_refund_no, state=state, gateway_refund_no="r-1",
        amount_minor=refund.amount_minor, merchant_account="m", refunded_at=clock.now(),
    )  # fmt: skip


def states():
    rows = Difference.objects.exclude(kind="FEE").order_by("pk")  # the bills here are without fees
    return list(rows.values_list("kind", "state"))


def bill_with(refund, attempt, state="SUCCESS", copies=1, theirs="r-1"):
    """Today's bill, as loaded: the payment, and the refund so many times."""
    now = clock.now()
    day = now.astimezone(BEIJING).date()
    bill = Bill.objects.create(
        channel="WECHAT", merchant_account="m", day=day, state="FETCHED", line_count=1 + copies
    )  # fmt: skip
    common = {"bill": bill, "out_trade_no": attempt.out_trade_no, "at": now, "fee_minor": 0}
    BillLine.objects.create(
        **common, line_no=1, kind="payment", state="SUCCESS", amount_minor=attempt.paid_minor,
        gateway_txn_no=attempt.gateway_txn_no,
    )  # fmt: skip
    for copy in range(copies):
        BillLine.objects.create(
            **common, line_no=2 + copy, kind="refund", state=state, amount_minor=refund.amount_minor,
            out_refund_no=refund.out_refund_no, gateway_refund_no=theirs, gateway_txn_no=attempt.gateway_txn_no,
        )  # fmt: skip
    return fetching.compare(bill)


def test_what_went_back_by_hand_is_no_open_question_any_more(by_hand):
    assert (by_hand.state, by_hand.way) == ("SUCCESS", "BANK")
    assert states() == [("REFUND_STATE", "AUTO_FIXED")]


def test_a_transfer_and_then_the_gateway_too_is_put_before_a_person(by_hand, paid):
    """Although there was a difference about the same refund before."""
    refunds.record_refund(told(by_hand, paid[1], "SUCCESS"))
    assert states() == [("REFUND_STATE", "AUTO_FIXED"), ("REFUND_STATE", "OPEN")]
    remedy = remedies.remedy_of(Difference.objects.get(state="OPEN"))
    assert "returned it too" in str(remedy.thinks)
    assert remedy.act is None, "no question to the gateway ends it"
    assert fresh(paid[1]).refunded_minor == 500


def test_the_bill_tells_of_it_when_no_notification_did(by_hand, paid):
    bill = bill_with(by_hand, paid[1])
    assert (bill.state, bill.equal_count) == ("COMPARED", 1)
    assert states() == [("REFUND_STATE", "AUTO_FIXED"), ("REFUND_STATE", "OPEN")]
    found = Difference.objects.exclude(kind="FEE").get(state="OPEN")
    assert (found.ours_minor, found.theirs_minor, found.order_ref) == (500, 500, paid[0].public_id)


def test_a_bill_that_still_works_on_it_says_nothing_new(by_hand, paid):
    bill_with(by_hand, paid[1], state="PROCESSING")
    assert states() == [("REFUND_STATE", "AUTO_FIXED")]


def test_a_refund_that_a_bill_lists_twice_is_not_booked_twice(paid):
    """The button does not offer to book it either."""
    order, attempt = paid
    refund = request_refund(order.public_id, amount_minor=500, reason="MANUAL", words="sorry", key="one")
    refunds.record_refund(told(refund, attempt, "SUCCESS"))
    bill_with(refund, attempt, copies=2)
    found = Difference.objects.exclude(kind="FEE").get(state="OPEN")
    assert (found.kind, found.subject) == ("REFUND_ONLY_GATEWAY", f"refund:{refund.out_refund_no}#2")
    assert remedies.remedy_of(found).act is None
    assert fresh(attempt).refunded_minor == 500


@pytest.mark.parametrize("state", ["PROCESSING", "ABNORMAL", "CLOSED"])
def test_a_consoles_refund_that_did_not_go_through_is_not_booked_with_its_payment(state, make_order):
    """Late money goes back whole: what the console tried and failed to return is still with the gateway."""
    order = make_order(paid=False)
    services.begin_payment(order.public_id, method="WECHAT", actor=SYSTEM)
    attempt = Attempt.objects.create(
        order=order, seq=1, channel="WECHAT", merchant_account="m", out_trade_no="t-early-2", form="native",
        amount_minor=order.total_minor, gateway_expires_at=order.expires_at,
    )  # fmt: skip
    console = Refund(out_refund_no="C2026112100001", amount_minor=100)
    assert refunds.record_refund(told(console, attempt, state)) is None
    assert states() == [("REFUND_STATE", "OPEN")]
    services.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    seen = Seen(
        out_trade_no="t-early-2", state="SUCCESS", gateway_txn_no="g-early", amount_minor=order.total_minor,
        paid_at=None, merchant_account="m",
    )  # fmt: skip
    settle.record_fact("WECHAT", seen)
    assert settle.apply(attempt.public_id).disposition == "LATE"
    assert [(one.amount_minor, one.reason) for one in Refund.objects.all()] == [(order.total_minor, "LATE")]


def test_a_line_that_the_shop_returned_is_not_returned_again_when_it_is_struck_out(paid, cast):
    order, attempt = paid
    walk(fresh(order), "CONFIRMED", cast)
    refund_by_shop(order.public_id, line_no=2, words="none left", key="k1", actor=as_merchant(cast.bruno))
    services.strike_out_line(order.public_id, 2, actor=as_merchant(cast.bruno))
    for _again in range(2):
        hear(order, "line.struck_out")
    all_back()
    assert [one.reason for one in Refund.objects.all()] == ["MERCHANT"]
    balanced(order, attempt)


def test_units_that_are_struck_out_one_by_one_come_back_up_to_the_lines_price(paid, cast):
    """One of two returned by the shop, then both struck out: the second unit goes back, and nothing beyond."""
    order, attempt = paid
    walk(fresh(order), "CONFIRMED", cast)
    line = order.lines.get(line_no=1)
    refund_by_shop(
        order.public_id, line_no=1, amount_minor=line.unit_minor, words="cold", key="k1", actor=as_merchant(cast.bruno)
    )
    for _unit in range(line.quantity):
        services.strike_out_line(order.public_id, 1, quantity=1, actor=as_merchant(cast.bruno))
    for _again in range(2):
        hear(order, "line.struck_out")
    all_back()
    assert sum(Refund.objects.filter(line_no=1).values_list("amount_minor", flat=True)) == line.unit_minor * 2
    balanced(order, attempt)


@pytest.mark.parametrize("gateway_no", ["50300000009", ""])
def test_the_consoles_refund_ends_ours_that_the_gateway_refused(gateway_no, paid):
    """All of it was promised, so nothing is left to book the console's by: it is what the customer was promised."""
    order, attempt = paid
    ours = request_refund(order.public_id, reason="MANUAL", words="sorry", key="one")
    refunds.record_refund(told(ours, attempt, "CLOSED"))
    passes.push_refunds(passes.Budget(5))
    tell = {"out_refund_no": "C2026112100009", "gateway_refund_no": gateway_no, "amount_minor": ours.amount_minor}
    for source in ("NOTIFY", "BILL"):
        refund = refunds.adopt("WECHAT", attempt.out_trade_no, **tell, at=clock.now(), source=source)
        assert (refund.pk, refund.state, refund.found_by) == (ours.pk, "SUCCESS", "NOTIFY")
    assert states() == [("REFUND_STATE", "AUTO_FIXED")]
    balanced(order, attempt)
    bill = bill_with(Refund(out_refund_no="C2026112100009", amount_minor=ours.amount_minor), attempt, theirs=gateway_no)
    assert (bill.state, bill.equal_count) == ("COMPARED", 2)
    assert states() == [("REFUND_STATE", "AUTO_FIXED")]
    refunds.record_refund(told(ours, attempt, "SUCCESS"))  # and after all by the gateway too
    assert states()[-1] == ("REFUND_STATE", "OPEN")


def test_another_amount_at_the_console_is_a_persons_question(paid):
    order, attempt = paid
    ours = request_refund(order.public_id, reason="MANUAL", words="sorry", key="one")
    refunds.record_refund(told(ours, attempt, "CLOSED"))
    told_of = {"out_refund_no": "C1", "gateway_refund_no": "5030", "amount_minor": ours.amount_minor - 1}
    assert refunds.adopt("WECHAT", attempt.out_trade_no, **told_of, at=clock.now(), source="NOTIFY") is None
    assert fresh(ours).state == "FAILED"
    assert states() == [("REFUND_ONLY_GATEWAY", "OPEN")]


def test_every_refund_that_needs_a_person_stands_before_one(paid, monkeypatch):
    """Also beyond the first page of them."""
    monkeypatch.setattr(passes, "PAGE", 2)
    order, attempt = paid
    for number in range(5):
        refund = request_refund(order.public_id, amount_minor=10, reason="MANUAL", words="sorry", key=f"k{number}")
        refunds.record_refund(told(refund, attempt, "ABNORMAL"))
    for _again in range(2):
        passes.push_refunds(passes.Budget(5))
    assert states() == [("REFUND_STATE", "OPEN")] * 5
