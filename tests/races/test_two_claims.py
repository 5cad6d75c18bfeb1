"""Riders press *Take job* at the same moment: one wins, the others are told. In a pair: the lock is what does it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from notifications.models import Event
from orders.order import road
from orders.order.models import Order
from orders.services.refusals import AlreadyClaimed
from tests.conftest import make_user
from tracking import services
from tracking.models import Delivery, Rider

pytestmark = pytest.mark.django_db(transaction=True)

RIDERS = 4


@pytest.fixture
def riders(db):
    return [Rider.objects.create(user=make_user(f"rider{number}"), is_on_duty=True) for number in range(RIDERS)]


def all_at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run each in a thread with its own connection, started together; an exception is its result."""
    start, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place: int) -> None:
        start.wait(timeout=20)
        try:
            results[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results


def test_one_rider_wins_and_the_others_are_told(make_order, riders):
    order = make_order("READY")
    ref = order.public_id
    results = all_at_once([lambda rider=rider: services.claim(ref, rider=rider) for rider in riders])
    winners = [result for result in results if isinstance(result, Delivery)]
    losers = [result for result in results if isinstance(result, AlreadyClaimed)]
    assert (len(winners), len(losers)) == (1, RIDERS - 1), results
    assert all(loser.facts["n"] >= 1 for loser in losers)
    order.refresh_from_db()
    assert order.carrier_id == winners[0].rider.user_id
    assert Event.objects.filter(stream=order.stream, type="delivery.claimed").count() == 1


def test_without_the_lock_the_losers_are_not_told_but_break(make_order, riders, monkeypatch):
    """The fault is made to fire: everybody reads before anybody writes. Only constraints are left to hold the line."""
    order = make_order("READY")
    ref = order.public_id
    everybody_has_read = threading.Barrier(RIDERS)

    def unlocked(order_id: str) -> Order:
        found = Order.objects.select_related("shop", "customer", "carrier").get(public_id=order_id)
        if threading.current_thread() not in seen:
            seen.add(threading.current_thread())
            everybody_has_read.wait(timeout=20)
        return found

    seen: set[threading.Thread] = set()
    monkeypatch.setattr(road, "locked", unlocked)
    results = all_at_once([lambda rider=rider: services.claim(ref, rider=rider) for rider in riders])
    assert len(seen) == RIDERS
    assert any(not isinstance(result, Delivery | AlreadyClaimed) for result in results), results
    assert Delivery.objects.standing().count() <= 1
