"""Cash at the door: collected once, exactly, by the rider who carries it; then the order may be handed over."""

import pytest
from django.template import Context, Template

from orders import services as orders
from orders.actors import SYSTEM, as_rider
from orders.order.road import WrongMoment
from orders.services.refusals import CashStillDue, NotYourJob
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


def test_the_rider_presses_one_button(at_the_door, cast, client):
    client.force_login(cast.ravi)
    words = Template("{% load payments %}{% cash_panel order %}").render(Context({"order": fresh(at_the_door)}))
    assert f'action="/rider/jobs/{at_the_door.public_id}/cash/"' in words
    page = client.post(f"/rider/jobs/{at_the_door.public_id}/cash/", {"amount": at_the_door.total_minor})
    assert page.status_code == 302
    assert fresh(at_the_door).payment_status == "PAID"
    words = Template("{% load payments %}{% cash_panel order %}").render(Context({"order": fresh(at_the_door)}))
    assert "<form" not in words


@pytest.mark.parametrize("who", ["mallory", "ana", "bruno"])
def test_nobody_else_can(who, at_the_door, cast, client):
    client.force_login(getattr(cast, who))
    page = client.post(f"/rider/jobs/{at_the_door.public_id}/cash/", {"amount": at_the_door.total_minor})
    assert page.status_code in {403, 404, 409}
    assert fresh(at_the_door).payment_status == "DUE_ON_DELIVERY"
