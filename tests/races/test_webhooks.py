"""Races over endpoints, in pairs: without taking turns an account gets more than it may, with it exactly as many."""

from threading import Barrier

import pytest

from notifications.models import Endpoint
from notifications.webhooks import endpoints
from notifications.webhooks.endpoints import By
from tests.races.test_orders import race

pytestmark = pytest.mark.django_db(transaction=True)
ME = By("customer", "usr_a")
AT_ONCE = 8


def add(address):
    return lambda: endpoints.add("usr_a", "customer/usr_a", f"https://shop.example/{address}", by=ME)[0].state


def alive():
    return Endpoint.objects.filter(account="usr_a").exclude(state="REMOVED").count()


@pytest.fixture
def almost_full():
    for number in range(endpoints.MOST - 2):
        add(number)()


def test_two_places_are_left_and_two_of_eight_get_one(almost_full):
    outcomes = race(*[add(f"race-{number}") for number in range(AT_ONCE)])
    assert sorted(outcomes) == ["UNPROVED"] * 2 + ["webhook_too_many"] * (AT_ONCE - 2)
    assert alive() == endpoints.MOST


def test_without_taking_turns_more_than_two_get_one(almost_full, monkeypatch):
    """The same crowd with the turns switched off: this is what they are for."""
    monkeypatch.setattr(endpoints, "_one_at_a_time", lambda _account: None)
    counted = Barrier(AT_ONCE)
    make = endpoints._give_secret

    def when_all_have_counted(endpoint):
        counted.wait(timeout=20)
        return make(endpoint)

    monkeypatch.setattr(endpoints, "_give_secret", when_all_have_counted)
    race(*[add(f"race-{number}") for number in range(AT_ONCE)])
    assert alive() == endpoints.MOST - 2 + AT_ONCE


def test_the_same_address_twice_at_once_is_registered_once_and_refused_once():
    outcomes = race(*[add("same") for _ in range(4)])
    assert sorted(outcomes) == ["UNPROVED"] + ["webhook_exists"] * 3
    assert alive() == 1


def test_two_endpoints_moved_to_one_address_at_once_do_not_both_arrive():
    ids = [endpoints.add("usr_a", "customer/usr_a", f"https://shop.example/{n}", by=ME)[0].public_id for n in range(2)]
    outcomes = race(*[lambda one=one: endpoints.change_url(one, "https://shop.example/x", by=ME).state for one in ids])
    assert sorted(outcomes) == ["UNPROVED", "webhook_exists"]
