"""What tracking adds to the customer's page and the shop's board, and who hears of jobs."""

import pytest
from django.template import Context, Template

from config.live import TOPICS
from notifications.live.person import Person
from notifications.models import Event
from orders import services as orders
from orders.actors import SYSTEM
from tracking import services

pytestmark = pytest.mark.django_db


def draw(tag: str, order) -> str:
    return Template("{% load tracking %}{% " + tag + " order %}").render(Context({"order": order})).strip()


def fresh(delivery):
    return type(delivery.order).objects.get(pk=delivery.order_id)


def test_the_customer_sees_the_rider_at_the_claim_and_the_code_on_the_way(claimed, riders):
    riders.ravi.user.set_phone("13700002001")
    riders.ravi.user.save()
    delivery = claimed("READY")
    before = draw("courier_panel", fresh(delivery))
    assert "Ravi" in before
    assert "E-bike · blue jacket" in before
    assert delivery.order.door_code not in before
    assert "tel:" not in before
    services.pick_up(delivery.order.public_id, rider=riders.ravi)
    carried = draw("courier_panel", fresh(delivery))
    assert delivery.order.door_code in carried
    assert "tel:13700002001" in carried
    services.hand_over(delivery.order.public_id, rider=riders.ravi, code=delivery.order.door_code)
    assert draw("courier_panel", fresh(delivery)) == ""


def test_the_board_sees_who_comes_until_the_pick_up(claimed, make_order, riders):
    delivery = claimed("PREPARING")
    assert "Ravi is on the way to you" in draw("rider_badge", fresh(delivery))
    assert draw("rider_badge", make_order("READY")) == ""
    orders.mark_ready(delivery.order.public_id, actor=SYSTEM)
    services.pick_up(delivery.order.public_id, rider=riders.ravi)
    assert draw("rider_badge", fresh(delivery)) == ""


@pytest.mark.parametrize(
    ("steps", "heard"), [("CONFIRMED", True), ("READY", True), ("CANCELLED", True), ("ON_DELIVERY", False)]
)
def test_riders_on_duty_hear_of_jobs_and_of_nothing_else(make_order, steps, heard):
    order = make_order(steps)
    last = Event.objects.filter(stream=order.stream).latest("version")
    assert ("jobs" in last.topics) is heard


def test_no_rider_hears_of_what_is_collected_in_person(make_order):
    order = make_order("READY", collects=True)
    assert not Event.objects.filter(stream=order.stream, topics__contains=["jobs"]).exists()


def test_only_riders_on_duty_follow_jobs_and_only_the_rider_their_own(cast, riders):
    def person(user):
        return Person(user_id=user.pk, public_id=user.public_id)

    jobs, rider = TOPICS["jobs"].may_follow, TOPICS["rider"].may_follow
    ravi, remy, rosa = riders.ravi.user, riders.remy.user, riders.rosa.user
    assert jobs(person(ravi), "") == "rider"
    assert rider(person(remy), remy.public_id) == "rider"
    for other in (remy, cast.ana, cast.mallory):
        assert jobs(person(other), "") is None
    for other in (rosa, cast.mallory):
        assert rider(person(other), ravi.public_id) is None
    assert jobs(Person(), "") is None
