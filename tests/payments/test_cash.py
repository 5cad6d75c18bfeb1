"""Cash at the door: collected once, exactly, by the rider who carries it; then the order may be handed over."""

import pytest
from django.template import Context, Template

from orders import services as orders
from orders.actors import SYSTEM, as_rider
from orders.order.road import WrongMoment
from orders.services.refusals import CashStillDue, NotYourJob
from payments.cash.refusals import OtherCurrency
from payments.models import Attempt
from payments.refusals import CashAmountWrong, ReceiptWrong
from payments.services import collect_cash
from tests.payments.paying import at_once, booked, fresh, refunds_of, types_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_the_door(make_order):
    return make_order("ON_DELIVERY", method="CASH")


def collect(order, cast, **changes):
    facts = {"actor": as_rider(cast.ravi), "amount_minor": order.total_minor} | changes
    return collect_cash(order.public_id, **facts)


def test_cash_makes_the_order_paid_and_the_rider_holds_it(at_the_door, cast):
    with pytest.raises(CashStillDue):
        orders.complete_order(at_the_door.public_id, actor=as_rider(cast.ravi))
    attempt = collect(at_the_door, cast)
    order = fresh(at_the_door)
    assert (order.payment_status, order.paid_minor, order.status) == ("PAID", order.total_minor, "ON_DELIVERY")
    held = f"cash:rider:{cast.ravi.public_id}"
    assert booked(attempt) == {held: order.total_minor, "revenue:MEAL": -order.total_minor}
    assert orders.complete_order(order.public_id, actor=as_rider(cast.ravi)).status == "COMPLETED"


def test_pressing_twice_at_once_counts_once(at_the_door, cast):
    attempts = at_once(*[lambda: collect(at_the_door, cast).pk] * 5)
    assert len(set(attempts)) == 1
    assert types_of(at_the_door).count("order.paid") == 1


def test_refuses_another_amount_another_rider_and_a_strange_receipt(at_the_door, cast):
    with pytest.raises(CashAmountWrong):
        collect(at_the_door, cast, amount_minor=at_the_door.total_minor - 1)
    with pytest.raises(NotYourJob):
        collect(at_the_door, cast, actor=as_rider(cast.mallory))
    with pytest.raises(ReceiptWrong):
        collect(at_the_door, cast, receipt="№ 1")
    assert Attempt.objects.count() == 0


def test_refuses_cash_for_what_was_paid_online(make_order, cast):
    with pytest.raises(WrongMoment):
        collect(make_order("ON_DELIVERY"), cast)


def test_cash_for_an_order_that_was_cancelled_meanwhile_is_recorded_and_owed_back(at_the_door, cast):
    orders.cancel_order(at_the_door.public_id, reason="STAFF", words="recalled by support", actor=SYSTEM)
    attempt = collect(at_the_door, cast)
    assert attempt.disposition == "LATE"
    assert [refund.reason for refund in refunds_of(attempt)] == ["LATE"]


def told(order):
    """What the rider's job page says about cash."""
    page = "{% load payments books %}{% cash_form order %}{% cash_panel order %}"
    return Template(page).render(Context({"order": fresh(order)}))


def press(client, order, **form):
    return client.post(f"/rider/jobs/{order.public_id}/cash/", {"amount": "84.00", "receipt": ""} | form)


def test_the_rider_presses_one_button(at_the_door, cast, client):
    """The amount stands in the form already; without a receipt one press is enough."""
    client.force_login(cast.ravi)
    words = told(at_the_door)
    assert f'action="/rider/jobs/{at_the_door.public_id}/cash/"' in words
    assert 'value="84.00"' in words
    assert press(client, at_the_door).status_code == 302
    assert fresh(at_the_door).payment_status == "PAID"
    assert "<form" not in told(at_the_door)
    assert press(client, at_the_door).status_code == 302  # pressed again: counted once
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize("typed", ["84", "84.0", "¥84.00", "￥84", " 84.00 元"])
def test_an_amount_may_be_written_as_people_write_it(at_the_door, cast, client, typed):
    client.force_login(cast.ravi)
    assert press(client, at_the_door, amount=typed, receipt="R-000123").status_code == 302
    assert Attempt.objects.get().out_trade_no == "R-000123"


@pytest.mark.parametrize("typed", ["84.000", "84,00", "-84", "$84", "84 USD", "eighty", "8e1", "", "9" * 20])
def test_what_is_no_amount_is_refused_beside_the_field_and_nothing_is_lost(at_the_door, cast, client, typed):
    client.force_login(cast.ravi)
    page = press(client, at_the_door, amount=typed, receipt="R-000123")
    assert page.status_code == 422
    assert 'id="id_amount-error"' in page.text
    assert 'value="R-000123"' in page.text
    assert fresh(at_the_door).payment_status == "DUE_ON_DELIVERY"
    assert Attempt.objects.count() == 0


def test_another_amount_than_due_is_refused_beside_the_field(at_the_door, cast, client):
    client.force_login(cast.ravi)
    page = press(client, at_the_door, amount="80.00")
    assert page.status_code == 422
    assert "¥84.00 is due in cash" in page.text
    assert 'value="80.00"' in page.text


def test_a_receipt_belongs_to_one_order(make_order, cast, client):
    first, second = make_order("ON_DELIVERY", method="CASH"), make_order("ON_DELIVERY", method="CASH")
    client.force_login(cast.ravi)
    assert press(client, first, receipt="R-000123").status_code == 302
    page = press(client, second, receipt="R-000123")
    assert page.status_code == 422
    assert "Receipt R-000123 belongs to another order" in page.text
    assert fresh(second).payment_status == "DUE_ON_DELIVERY"
    with pytest.raises(ReceiptWrong):  # the numbers we make up are nobody's to type
        collect(second, cast, receipt=f"cash-{first.public_id[4:]}")


def test_one_receipt_for_two_orders_at_once_counts_for_one(make_order, cast):
    orders_ = [make_order("ON_DELIVERY", method="CASH") for _ in range(2)]
    said = at_once(*[lambda order=order: collect(order, cast, receipt="R-000123") for order in orders_])
    assert sorted(type(one).__name__ for one in said) == ["Attempt", "ReceiptUsed"]


def test_refuses_cash_of_another_currency(at_the_door, cast):
    with pytest.raises(OtherCurrency):
        collect(at_the_door, cast, currency="USD")


@pytest.mark.parametrize("who", ["mallory", "ana", "bruno"])
def test_nobody_else_can(who, at_the_door, cast, client):
    client.force_login(getattr(cast, who))
    assert press(client, at_the_door).status_code == 404
    assert fresh(at_the_door).payment_status == "DUE_ON_DELIVERY"
