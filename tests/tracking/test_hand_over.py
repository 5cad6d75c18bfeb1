"""From the shop's counter to the customer's door."""

from datetime import timedelta

import pytest

from config.ground import clock
from orders import services as orders
from orders.actors import SYSTEM, as_staff
from orders.models import Order
from orders.order.road import WrongMoment
from orders.services.refusals import CashStillDue, NotYourJob
from tracking import services
from tracking.models import Delivery
from tracking.refusals import CodeWrong, TooManyTries, WrongBag

pytestmark = pytest.mark.django_db


def other_code(code: str) -> str:
    return f"{(int(code) + 1) % 10_000:04d}"


def test_collects_with_the_shops_code(claimed, riders):
    delivery = claimed("READY")
    collected = services.pick_up(delivery.order.public_id, rider=riders.ravi, shop_code=delivery.order.shop_code)
    assert collected.state == "COLLECTED"
    assert Order.objects.get(pk=delivery.order_id).status == "ON_DELIVERY"


def test_refuses_the_wrong_bag_and_names_the_right_one(claimed, riders):
    order = claimed("READY").order
    wrong = other_code(order.shop_code)
    with pytest.raises(WrongBag) as refused:
        services.pick_up(order.public_id, rider=riders.ravi, shop_code=wrong)
    assert refused.value.facts == {"code": wrong, "wanted": order.shop_code, "number": order.number}
    assert Order.objects.get(pk=order.pk).status == "READY"


def test_refuses_to_collect_what_is_not_ready(claimed, riders):
    with pytest.raises(WrongMoment):
        services.pick_up(claimed("PREPARING").order.public_id, rider=riders.ravi)


def test_refuses_to_collect_another_riders_job(claimed, riders):
    with pytest.raises(NotYourJob):
        services.pick_up(claimed("READY").order.public_id, rider=riders.rosa)


def test_hands_over_for_the_door_code(claimed, riders):
    order = claimed("ON_DELIVERY").order
    delivery = services.hand_over(order.public_id, rider=riders.ravi, code=order.door_code)
    assert delivery.state == "DELIVERED"
    assert delivery.delivered_at
    order.refresh_from_db()
    assert (order.status, order.completed_how) == ("COMPLETED", "DELIVERED")
    assert services.hand_over(order.public_id, rider=riders.ravi, code="").state == "DELIVERED"


def test_a_wrong_code_costs_a_try_and_nothing_else(claimed, riders):
    order = claimed("ON_DELIVERY").order
    with pytest.raises(CodeWrong) as refused:
        services.hand_over(order.public_id, rider=riders.ravi, code=other_code(order.door_code))
    assert refused.value.facts["n"] == 4
    assert Order.objects.get(pk=order.pk).status == "ON_DELIVERY"
    assert services.hand_over(order.public_id, rider=riders.ravi, code=order.door_code).state == "DELIVERED"


def test_rests_after_five_wrong_codes_even_for_the_right_one(claimed, riders):
    """Guessing 10,000 codes would take a week; an honest rider waits five minutes."""
    order = claimed("ON_DELIVERY").order
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(CodeWrong) as wrong:
            services.hand_over(order.public_id, rider=riders.ravi, code=other_code(order.door_code))
        assert wrong.value.facts["n"] == left
    with pytest.raises(TooManyTries) as rests:
        services.hand_over(order.public_id, rider=riders.ravi, code=order.door_code)
    assert 290 <= rests.value.facts["n"] <= 300
    Delivery.objects.update(code_tried_at=clock.now() - timedelta(seconds=301))
    with pytest.raises(CodeWrong) as anew:
        services.hand_over(order.public_id, rider=riders.ravi, code=other_code(order.door_code))
    assert anew.value.facts["n"] == 4
    assert services.hand_over(order.public_id, rider=riders.ravi, code=order.door_code).state == "DELIVERED"


def test_refuses_while_cash_is_due_and_costs_no_try(claimed, riders):
    order = claimed("ON_DELIVERY", method="CASH").order
    for code in (order.door_code, other_code(order.door_code)):
        with pytest.raises(CashStillDue):
            services.hand_over(order.public_id, rider=riders.ravi, code=code)
    assert Delivery.objects.get().code_tries == 0
    order.refresh_from_db()
    orders.mark_paid(order.public_id, amount_minor=order.total_minor, channel="CASH")
    assert services.hand_over(order.public_id, rider=riders.ravi, code=order.door_code).state == "DELIVERED"


def test_refuses_another_rider_at_the_door(claimed, riders):
    order = claimed("ON_DELIVERY").order
    with pytest.raises(NotYourJob):
        services.hand_over(order.public_id, rider=riders.rosa, code=order.door_code)


def test_refuses_before_it_was_collected(claimed, riders):
    order = claimed("READY").order
    with pytest.raises(WrongMoment):
        services.hand_over(order.public_id, rider=riders.ravi, code=order.door_code)


def test_a_cancelled_order_closes_its_delivery_and_pays_the_way(claimed):
    order = claimed("PREPARING").order
    orders.cancel_order(order.public_id, reason="STAFF", words="shop flooded", actor=SYSTEM)
    closed = services.close_for_cancelled(order.public_id)
    assert closed is not None
    assert (closed.state, closed.pay_minor) == ("CANCELLED", 300)
    assert services.close_for_cancelled(order.public_id) is None


def test_a_failed_delivery_pays_in_full(claimed, cast):
    delivery = claimed("ON_DELIVERY")
    reason = {"reason": "DELIVERY_FAILED", "words": "nobody there"}
    orders.cancel_order(delivery.order.public_id, **reason, actor=as_staff(cast.sam))
    closed = services.close_for_cancelled(delivery.order.public_id)
    assert closed is not None
    assert closed.pay_minor == delivery.pay_minor


def test_a_running_order_keeps_its_delivery(claimed):
    delivery = claimed("PREPARING")
    assert services.close_for_cancelled(delivery.order.public_id) is None
    assert Delivery.objects.get().state == "CLAIMED"
