"""What one account and one address may take of a live process: lines, topics, and how fast they come."""

from types import SimpleNamespace

import pytest

from notifications.live import shares
from notifications.live.person import NOBODY, Person
from notifications.live.shares import Shares, household, keys_of
from tests.notifications.conftest import Client, happen, wait_for

ANA = Person(1, "usr_a")


@pytest.fixture
def moved(monkeypatch):
    """A clock that the test moves."""
    at = SimpleNamespace(seconds=1_000.0)
    monkeypatch.setattr(shares, "time", SimpleNamespace(monotonic=lambda: at.seconds))
    return at


def test_an_address_that_comes_too_fast_waits_and_others_do_not(settings, moved):
    settings.LIVE_CONNECTS_PER_ADDRESS = 60  # fifteen at once, then one a second
    mine = Shares()
    assert [mine.admits("192.0.2.1") for _ in range(16)] == [True] * 15 + [False]
    assert mine.admits("192.0.2.2")
    moved.seconds += 1.0
    assert [mine.admits("192.0.2.1") for _ in range(2)] == [True, False]


def test_an_account_that_comes_too_fast_waits_wherever_it_comes_from(settings, moved):
    settings.LIVE_CONNECTS_PER_ACCOUNT = 8
    mine = Shares()
    assert [mine.has_room_for(ANA, f"192.0.2.{number}") for number in range(3)] == [True, True, False]
    assert all(mine.has_room_for(NOBODY, f"192.0.2.{number}") for number in range(3))


def test_one_customer_of_a_network_is_one_address():
    """Who has 2**64 addresses has no more room for it."""
    assert household("2001:db8:1:2::1") == household("2001:db8:1:2:ffff::9") != household("2001:db8:1:3::1")
    assert household("192.0.2.1") == "192.0.2.1"
    assert household("") == ""


def test_the_pace_of_those_who_left_is_forgotten(settings, moved, monkeypatch):
    monkeypatch.setattr(shares, "KEPT", 100)
    mine = Shares()
    for number in range(500):
        moved.seconds += 1.0
        assert mine.admits(f"10.0.{number // 250}.{number % 250}")
    assert len(mine._due) <= 101


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["LIVE_TOPICS_PER_ACCOUNT", "LIVE_TOPICS_PER_ADDRESS"])
def test_topics_are_counted_over_all_lines_and_given_back(live, relay, settings, limit):
    happen("order/ord_a", 1)
    happen("order/ord_a", 2, topics=("shop/ord_a",))
    settings.LIVE_TOPICS_PER_ACCOUNT = settings.LIVE_TOPICS_PER_ADDRESS = 40
    first, second = (Client(live.port, headers={"X-Api-Key": "ord_a"}) for _ in range(2))
    first.follow("order/ord_a")
    assert first.hear()["type"] == "snapshot"
    setattr(settings, limit, 1)
    second.follow("shop/ord_a")
    assert second.hear() == {"type": "error", "code": "too_many_subscriptions", "topic": "shop/ord_a"}
    first.say(type="unsubscribe", topic="order/ord_a")
    wait_for(lambda: not live.hub.shares.topics)
    setattr(settings, limit, 40)
    second.follow("shop/ord_a")
    assert second.hear()["type"] == "snapshot"
    assert set(live.hub.shares.topics) == set(keys_of(Person(1, "usr_k"), "127.0.0.1"))
    for client in (first, second):
        client.socket.close()
    wait_for(lambda: not live.hub.connections)
    assert not live.hub.shares.topics
    assert not live.hub.shares.lines


@pytest.mark.django_db(transaction=True)
def test_who_asks_too_much_is_sent_away_and_comes_back(live, settings):
    """Over all lines of an account: each question reads the database."""
    settings.LIVE_TOPICS_PER_ACCOUNT = 3
    greedy = Client(live.port, headers={"X-Api-Key": "ord_a"})
    for _ in range(4):
        greedy.follow("order/ord_never")
    assert greedy.closed_with() == (1013, "too many messages")
