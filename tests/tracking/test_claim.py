"""A job goes to one rider, who may give it back."""

import pytest
from django.db import IntegrityError, transaction

from notifications.models import Event
from orders.models import Order
from orders.order.road import NoSuchOrder, WrongMoment
from orders.services.refusals import AlreadyClaimed, NotYourJob
from tracking import services
from tracking.models import Delivery
from tracking.refusals import OffDuty

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", ["CONFIRMED", "PREPARING", "READY"])
def test_takes_an_open_job_and_remembers_what_it_pays(make_order, riders, status):
    order = make_order(status)
    delivery = services.claim(order.public_id, rider=riders.ravi)
    order.refresh_from_db()
    assert order.carrier == riders.ravi.user
    assert (delivery.state, delivery.rider) == ("CLAIMED", riders.ravi)
    assert delivery.way_m > 0
    assert delivery.pay_minor >= 400
    event = Event.objects.filter(stream=order.stream).latest("version")
    assert (event.type, event.actor, event.account) == ("delivery.claimed", "rider", riders.ravi.user.public_id)


def test_tells_the_second_rider_how_much_earlier_it_went(make_order, riders):
    order = make_order("READY")
    services.claim(order.public_id, rider=riders.ravi)
    with pytest.raises(AlreadyClaimed) as refused:
        services.claim(order.public_id, rider=riders.rosa)
    assert refused.value.facts["n"] >= 1
    assert Delivery.objects.get().rider == riders.ravi


def test_counts_two_presses_of_the_winner_as_one(make_order, riders):
    order = make_order("READY")
    assert services.claim(order.public_id, rider=riders.ravi) == services.claim(order.public_id, rider=riders.ravi)


def test_refuses_a_rider_off_duty(make_order, riders):
    order = make_order("READY")
    with pytest.raises(OffDuty):
        services.claim(order.public_id, rider=riders.remy)
    services.go_on_duty(riders.remy)
    assert services.claim(order.public_id, rider=riders.remy)


@pytest.mark.parametrize("status", ["PENDING", "CANCELLED"])
def test_refuses_what_is_no_job(make_order, riders, status):
    with pytest.raises(WrongMoment):
        services.claim(make_order(status).public_id, rider=riders.ravi)
    assert not Delivery.objects.exists()


def test_refuses_an_order_that_is_collected_in_person(make_order, riders):
    with pytest.raises(WrongMoment):
        services.claim(make_order("READY", collects=True).public_id, rider=riders.ravi)


def test_refuses_an_order_that_does_not_exist(riders):
    with pytest.raises(NoSuchOrder):
        services.claim("ord_0000000000000000", rider=riders.ravi)


def test_going_off_duty_keeps_what_was_taken(claimed, riders):
    delivery = claimed("READY")
    services.go_off_duty(riders.ravi)
    assert services.pick_up(delivery.order.public_id, rider=riders.ravi).state == "COLLECTED"


def test_release_returns_the_job_to_everyone(claimed, riders):
    delivery = claimed("PREPARING")
    released = services.release_claim(delivery.order.public_id, rider=riders.ravi)
    assert released.state == "RELEASED"
    assert Order.objects.get(pk=delivery.order_id).carrier is None
    assert services.claim(delivery.order.public_id, rider=riders.rosa).rider == riders.rosa


def test_refuses_to_release_another_riders_job(claimed, riders):
    with pytest.raises(NotYourJob):
        services.release_claim(claimed().order.public_id, rider=riders.rosa)


def test_refuses_to_release_what_is_in_the_bag(claimed, riders):
    with pytest.raises(WrongMoment):
        services.release_claim(claimed("ON_DELIVERY").order.public_id, rider=riders.ravi)


def test_the_database_refuses_a_second_delivery_of_one_order(claimed, riders):
    """Whatever Python does: one delivery stands per order."""
    delivery = claimed()
    with pytest.raises(IntegrityError, match="one_delivery_stands_per_order"), transaction.atomic():
        Delivery.objects.create(order=delivery.order, rider=riders.rosa)


def test_the_database_refuses_a_state_without_its_time(claimed):
    delivery = claimed()
    with pytest.raises(IntegrityError, match="delivery_says_when"), transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(state="DELIVERED")
