"""What support sees: the list and its search, the X-ray of one order, and Operations that never says 0 for unknown."""

from datetime import timedelta

import pytest
from django.urls import reverse

from config.desk import gauges
from config.ground import clock
from notifications.models import Event, Leadership, Letter, ParkedEvent
from orders.models import Order
from payments.models import Attempt, Run

pytestmark = pytest.mark.django_db


def found(client, term: str) -> set[str]:
    """The orders that a search lists."""
    answer = client.get(reverse("admin:orders_order_changelist"), {"q": term})
    assert answer.status_code == 200
    return {order.public_id for order in answer.context["cl"].result_list}


@pytest.fixture
def two(make_order):
    """One order for ana's phone, one by a guest with another."""
    other = {"phone": "13900009999", "name": "G", "line": "1 Road", "location": {"lat": 31.23, "lng": 121.47}}
    first, second = make_order("CONFIRMED"), make_order("PENDING", paid=False, address=other)
    Attempt.objects.create(
        order=first,
        seq=1,
        channel="WECHAT",
        merchant_account="1900000001",
        out_trade_no="trade-000001",
        form="native",
        amount_minor=first.total_minor,
        gateway_expires_at=clock.now() + timedelta(minutes=10),
    )
    return first, second


def test_finds_an_order_by_every_number_that_people_say(desk, two):
    """Order id, short number, phone in any spelling, payment number; anything else finds nothing."""
    first, second = two
    assert found(desk.sam, first.public_id) == {first.public_id}
    assert found(desk.sam, f"#{second.number}") == {second.public_id}
    assert found(desk.sam, "138 0013 2071") == {first.public_id}
    assert found(desk.sam, "+86 139-0000-9999") == {second.public_id}
    assert found(desk.sam, "trade-000001") == {first.public_id}
    assert found(desk.sam, "Maple") == set()
    assert found(desk.sam, "ord_") == set()


def test_filters_the_list(desk, two):
    """By status, money, trade, method."""
    first, second = two
    page = reverse("admin:orders_order_changelist")
    for name, value, expected in (
        ("status__exact", "CONFIRMED", {first.public_id}),
        ("payment_status__exact", "UNPAID", {second.public_id}),
        ("trade__exact", "DIGITAL", set()),
        ("method__exact", "WECHAT", {first.public_id, second.public_id}),
    ):
        shown = desk.sam.get(page, {name: value}).context["cl"].result_list
        assert {order.public_id for order in shown} == expected, name


def test_shows_everything_about_an_order_on_one_page(desk, make_order):
    """Id, version, words and codes, lines with options, every event with its time, the parties; the phone masked."""
    order = make_order("ON_DELIVERY")
    answer = desk.sam.get(reverse("admin:orders_order_change", args=[order.public_id]))
    assert answer.status_code == 200
    for words in (order.public_id, f"v{order.version}", "ON_DELIVERY", "On delivery", "Beef noodles", "Extra egg"):
        assert words in answer.text, words
    for event in Event.objects.filter(stream=order.stream):
        assert f"{event.version} {event.type}" in answer.text
        assert f"{event.at.microsecond // 1000:03d}</time>" in answer.text
    assert "138 **** 2071" in answer.text
    assert "13800132071" not in answer.text


def test_reads_one_order_in_few_queries(desk, make_order, django_assert_max_num_queries):
    """The page's cost does not grow with the order's life."""
    order = make_order("COMPLETED")
    with django_assert_max_num_queries(60):
        desk.sam.get(reverse("admin:orders_order_change", args=[order.public_id]))


def test_answers_nothing_new_to_a_page_that_is_up_to_date(desk, make_order):
    """204 for the version on the screen, the page for an older one."""
    order = make_order("CONFIRMED")
    page = reverse("admin:orders_order_change", args=[order.public_id])
    assert desk.sam.get(page, {"seen": order.version}).status_code == 204
    assert desk.sam.get(page, {"seen": order.version - 1}).status_code == 200


def test_has_addresses_with_public_ids_only(desk, make_order):
    """The primary key opens nothing, and the list does not lead to it."""
    order = make_order("CONFIRMED")
    assert desk.sam.get(reverse("admin:orders_order_change", args=[str(order.pk)])).status_code == 404
    listed = desk.sam.get(reverse("admin:orders_order_changelist")).text
    assert reverse("admin:orders_order_change", args=[order.public_id]) in listed


def test_speaks_chinese(desk, make_order):
    """The same page in zh-hans."""
    order = make_order("ON_DELIVERY")
    desk.sam.cookies["language"] = "zh-hans"
    answer = desk.sam.get(reverse("admin:orders_order_change", args=[order.public_id]))
    for words in ("配送中", "修复", "另派骑手", "事件"):
        assert words in answer.text, words


def test_carries_the_wider_policy_and_no_inline_script(desk, make_order):
    """Only /admin may evaluate; our own pages there still bring no inline script or style."""
    order = make_order("CONFIRMED")
    answer = desk.sam.get(reverse("admin:orders_order_change", args=[order.public_id]))
    assert "'unsafe-eval'" in answer["Content-Security-Policy"]
    assert " style=" not in answer.text
    assert "onclick=" not in answer.text


def gauge(title: str) -> gauges.Gauge:
    return next(one for one in gauges.read(clock.now()) if str(one.title) == title)


def test_never_says_zero_for_not_known(desk):
    """Nothing was read yet: grey, without a figure."""
    assert gauge("Differences").value is None
    assert gauge("Differences").is_old
    assert gauge("Readers behind").value is None
    assert "not known" in desk.sam.get(reverse("admin:index")).text


def test_turns_grey_and_says_its_age(make_order):
    """A relay that is silent and a check that is overdue make their gauges grey, with the age."""
    make_order("CONFIRMED")
    now = clock.now()
    Leadership.objects.create(name="sequencer", epoch=3, beat_at=now - timedelta(minutes=4))
    lag = gauge("Log lag")
    assert lag.is_old
    assert "4 min ago" in lag.says
    assert lag.value == Event.objects.filter(position=None).count() > 0
    Run.objects.create(started_at=now - timedelta(hours=3), ended_at=now - timedelta(hours=3), found={})
    assert gauge("Differences").is_old
    assert gauge("Differences").value == 0


def test_calls_for_a_person_when_something_is_stuck(make_order):
    """Parked events, and events that nobody numbers although the relay lives."""
    make_order("CONFIRMED")
    Leadership.objects.create(name="sequencer", epoch=3, beat_at=clock.now())
    ParkedEvent.objects.create(reader="refunds", position=1, stream="order/ord_x", error="boom")
    assert gauge("Parked events").is_hot
    assert not gauge("Log lag").is_hot  # half a second old
    assert gauges.log_lag(clock.now() + timedelta(seconds=8)).is_hot


def test_letters_that_nobody_sends_call_for_a_person_and_those_given_up_are_counted():
    """One held until a later hour is usual; one that was due a while ago is not."""
    now = clock.now()
    facts = {"person": "usr_x", "channel": "EMAIL", "kind": "k", "about": "ORDER", "stream": "order/ord_x"}
    Letter.objects.create(**facts, position=1, language="en", next_at=now + timedelta(hours=8))
    assert (gauge("Letters waiting").value, gauge("Letters waiting").word) == (1, gauges.USUAL)
    for position, age in enumerate((2, 30), 2):
        Letter.objects.create(
            **facts, position=position, language="en", state="GIVEN_UP", settled_at=now - timedelta(hours=age)
        )
    assert gauge("Letters waiting").word is gauges.WATCH
    assert gauge("Letters waiting").says == "given up in the last day: 1"
    Letter.objects.create(**facts, position=4, language="en", next_at=now - timedelta(minutes=6))
    assert gauge("Letters waiting").is_hot
    assert gauge("Letters waiting").value == 2
    assert gauge("Letters waiting").says.endswith("oldest due 6 min ago")


def test_counts_what_runs(make_order):
    """By status, zeros named."""
    make_order("CONFIRMED")
    make_order("CANCELLED")
    running = gauge("Running orders")
    assert running.value == Order.objects.exclude(status__in=["COMPLETED", "CANCELLED"]).count() == 1
    assert "Confirmed 1" in running.says
    assert "Ready 0" in running.says


def pass_of(looked_at: int) -> dict[str, float]:
    return {"looked_at": looked_at, "repaired": 0, "set_aside": 0, "left": 0, "seconds": 0.1}


def test_lists_runs_with_their_zeros(desk):
    """A run that found nothing is as visible as one that did."""
    now = clock.now()
    Run.objects.create(
        started_at=now, ended_at=now + timedelta(seconds=2), found={"ask": pass_of(0), "apply": pass_of(3)}
    )
    text = desk.sam.get(reverse("admin:index")).text
    assert "Asked gateways <b>0</b>" in text
    assert "Paid, not applied <b>3</b>" in text
