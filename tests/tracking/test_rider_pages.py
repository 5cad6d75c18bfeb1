"""What a rider sees and presses, by plain forms; and that nobody else does."""

import pytest
from django.urls import reverse

from orders import services as orders
from orders.actors import SYSTEM
from orders.models import Order
from tracking import services
from tracking.models import Delivery

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def ravi(client, riders):
    client.force_login(riders.ravi.user)
    return client


def page(client, **kwargs):
    return client.get(reverse("rider:jobs"), **kwargs).content.decode()


def at(name: str, order: Order) -> str:
    return reverse(f"rider:{name}", args=[order.public_id])


@pytest.mark.parametrize("who", ["ana", "bruno", "mallory", "sam"])
@pytest.mark.parametrize("name", ["jobs", "job", "claim", "collect", "hand_over", "release", "duty"])
def test_is_not_there_for_anyone_but_riders(client, cast, claimed, who, name):
    order = claimed().order
    client.force_login(getattr(cast, who))
    address = reverse(f"rider:{name}", args=[] if name in {"jobs", "duty"} else [order.public_id])
    answer = client.get(address) if name in {"jobs", "job"} else client.post(address)
    assert answer.status_code == 404


def test_asks_a_stranger_to_sign_in(client, db):
    assert client.get(reverse("rider:jobs")).status_code == 302


def test_shows_pay_way_ready_time_and_deadline_but_no_door(ravi, make_order):
    make_order("PREPARING")
    text = page(ravi)
    for said in ("Maple Lane", "Exact door after pick-up", "1 job near you", "km in all", "Ready in", "Take job", "¥"):
        assert said in text
    for hidden in ("18 Maple", "Unit 502", "Ana", "138001"):
        assert hidden not in text


def test_shows_nothing_off_duty(client, riders, make_order):
    make_order("READY")
    client.force_login(riders.remy.user)
    text = page(client)
    assert "You are off duty" in text
    assert "Maple Lane" not in text


def test_goes_on_and_off_duty(client, riders, make_order):
    make_order("READY")
    client.force_login(riders.remy.user)
    assert client.post(reverse("rider:duty"), {"on": "1"}).status_code == 302
    assert "Maple Lane" in page(client)
    client.post(reverse("rider:duty"))
    assert "You are off duty" in page(client)


def test_does_not_show_jobs_that_are_far_from_ready(ravi, make_order):
    order = make_order("PENDING")
    orders.confirm_order(order.public_id, minutes=90, actor=SYSTEM)
    assert "No job right now" in page(ravi)


def test_takes_a_job_and_leads_to_it(ravi, make_order):
    order = make_order("READY")
    assert ravi.post(at("claim", order)).url == at("job", order)
    assert ravi.post(at("claim", order), headers=HTMX)["HX-Redirect"] == at("job", order)
    assert f"Collect #{order.number} at" in ravi.get(at("job", order)).content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_says_who_was_faster_and_shows_the_next_jobs(ravi, make_order, riders, headers):
    first, second = make_order("READY"), make_order("READY")
    services.claim(first.public_id, rider=riders.rosa)
    answer = ravi.post(at("claim", first), {"seen": [first.public_id, second.public_id]}, headers=headers)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Another rider took this job" in text
    assert at("claim", second) in text
    assert ("<html" in text) is not bool(headers)


def test_a_job_that_went_elsewhere_leaves_words_behind(ravi, make_order, riders):
    taken, stopped = make_order("READY"), make_order("PREPARING")
    services.claim(taken.public_id, rider=riders.rosa)
    orders.cancel_order(stopped.public_id, reason="STAFF", words="closed", actor=SYSTEM)
    text = page(ravi, query_params={"seen": [taken.public_id, stopped.public_id]}, headers=HTMX)
    assert "went to another rider" in text
    assert "was cancelled" in text
    assert "went to another rider" not in page(ravi)


def test_tells_the_door_only_between_pick_up_and_hand_over(ravi, claimed):
    order = claimed("READY").order
    door = ("18 Maple Lane, Unit 502", "tel:13800132071", "Ana Lima")
    before = ravi.get(at("job", order)).content.decode()
    assert not any(said in before for said in door)
    assert ravi.post(at("collect", order), {"shop_code": order.shop_code}).status_code == 302
    carried = ravi.get(at("job", order)).content.decode()
    assert all(said in carried for said in door)
    assert order.door_code not in carried
    assert ravi.post(at("hand_over", order), {"code": order.door_code}).status_code == 302
    after = ravi.get(at("job", order)).content.decode()
    assert "Handed over" in after
    assert not any(said in after for said in door)


def test_says_that_the_code_is_wrong_where_it_was_typed(ravi, claimed):
    order = claimed("ON_DELIVERY").order
    wrong = f"{(int(order.door_code) + 1) % 10_000:04d}"
    answer = ravi.post(at("hand_over", order), {"code": wrong}, headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert f"{wrong} is not the code of this order. 4 tries left." in text
    assert 'aria-invalid="true"' in text
    assert 'id="thumb" hx-swap-oob="true"' in text


def test_says_which_bag_is_the_right_one(ravi, claimed):
    order = claimed("READY").order
    wrong = f"{(int(order.shop_code) + 1) % 10_000:04d}"
    text = ravi.post(at("collect", order), {"shop_code": wrong}).content.decode()
    assert f"{wrong} is not your order. Yours is {order.shop_code}; ask for #{order.number}." in text


def test_cash_stands_in_the_step_and_before_the_hand_over(ravi, claimed):
    order = claimed("ON_DELIVERY", method="CASH").order
    text = ravi.get(at("job", order)).content.decode()
    assert "Collect ¥84.00 in cash at" in text
    assert 'id="door-code"' not in text
    answer = ravi.post(at("hand_over", order), {"code": order.door_code})
    assert answer.status_code == 409
    assert "Collect ¥84.00 in cash first, then hand over." in answer.content.decode()
    collected = ravi.post(reverse("cash:collected", args=[order.public_id]), {"amount": "84.00"})
    assert collected.url == at("job", order)
    assert 'id="door-code"' in ravi.get(at("job", order)).content.decode()
    ravi.post(at("hand_over", order), {"code": order.door_code})
    assert Order.objects.get(pk=order.pk).status == "COMPLETED"


def test_a_cancelled_job_says_so_and_what_is_paid(ravi, claimed):
    order = claimed("PREPARING").order
    orders.cancel_order(order.public_id, reason="STAFF", words="flood", actor=SYSTEM)
    text = ravi.get(at("job", order)).content.decode()
    assert "Cancelled, nothing to do" in text
    assert "¥3.00" in text
    assert "Continue" not in page(ravi)


def test_gives_a_job_back(ravi, claimed):
    order = claimed("READY").order
    assert ravi.post(at("release", order)).url == reverse("rider:jobs")
    text = page(ravi)
    assert at("claim", order) in text
    assert "You gave the job back" in text
    assert ravi.get(at("job", order)).status_code == 404


def test_another_riders_job_is_not_there(ravi, make_order, riders):
    order = make_order("READY")
    services.claim(order.public_id, rider=riders.rosa)
    for name in ("collect", "hand_over", "release"):
        assert ravi.post(at(name, order)).status_code == 404
    assert ravi.get(at("job", order)).status_code == 404
    assert Delivery.objects.get().state == "CLAIMED"


@pytest.mark.parametrize("typed", ["", "x" * 500, "１２３４", "-1", "\x00"])
def test_odd_codes_are_refused_and_nothing_breaks(ravi, claimed, typed):
    order = claimed("ON_DELIVERY").order
    assert ravi.post(at("hand_over", order), {"code": typed}).status_code == 422
    assert Order.objects.get(pk=order.pk).status == "ON_DELIVERY"


def test_shows_the_own_jobs_of_an_order_that_does_not_exist_as_404(ravi):
    assert ravi.post(reverse("rider:claim", args=["ord_nothing"])).status_code == 404
