"""Positions are dense, final and in order within a stream, whoever commits when and whichever relay dies."""

import threading

import psycopg
import pytest
from django.db import connection, transaction

from notifications import log
from notifications.log import wire
from notifications.log.leadership import PostgresBook
from notifications.log.sequencer import Lost, RedisOutlet, Sequencer
from notifications.models import Event, Leadership
from tests.notifications.conftest import happen, running_relay, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Kept:
    """An outlet that keeps what is published, and fails when told to."""

    def __init__(self):
        self.messages = []
        self.fails = False

    def publish(self, messages):
        if self.fails:
            raise Lost("told to")
        self.messages += messages

    def heads(self):
        return [message.partition(b"|")[0].decode().split(" ") for _, message in self.messages]


@pytest.fixture
def book():
    books = []

    def new(**options):
        books.append(PostgresBook(**options))
        return books[-1]

    yield new
    for each in books:
        each.let_go()


def positions():
    return list(Event.objects.order_by("position").values_list("position", flat=True))


def in_own_connection(work):
    """Run in a thread with a database connection of its own."""

    def run():
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_event_that_commits_late_is_numbered_late_and_not_lost(book):
    """The first id is drawn, the second commits first: no position is left out and none is skipped over."""
    drawn, may_commit = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            log.append(log.Envelope("order/slow", 1, "x"))
            drawn.set()
            may_commit.wait(10)

    thread = in_own_connection(slow)
    assert drawn.wait(10)
    happen("order/fast", 1)
    sequencer = Sequencer(book(), Kept())
    assert sequencer.step() == 1
    may_commit.set()
    thread.join()
    assert sequencer.step() == 1
    fast, slow_one = Event.objects.get(stream="order/fast"), Event.objects.get(stream="order/slow")
    assert slow_one.id < fast.id
    assert (fast.position, slow_one.position) == (1, 2)


def test_many_writers_at_once_leave_positions_dense_and_streams_in_order(book):
    def write(number):
        for version in range(1, 41):
            happen(f"order/{number}", version)

    writers = [in_own_connection(lambda number=number: write(number)) for number in range(6)]
    sequencer, outlet = Sequencer(book(), kept := Kept()), kept
    while any(writer.is_alive() for writer in writers):
        sequencer.step(limit=7)
    while sequencer.step(limit=7):
        pass
    assert positions() == list(range(1, 241))
    for number in range(6):
        versions = Event.objects.filter(stream=f"order/{number}").order_by("position").values_list("version", flat=True)
        assert list(versions) == list(range(1, 41))
    assert [int(head[4]) for head in outlet.heads() if head[2] != "-"] == list(range(1, 241))


def test_a_batch_is_never_larger_than_asked(book):
    for version in range(1, 6):
        happen("order/a", version)
    sequencer = Sequencer(book(), Kept())
    assert [sequencer.step(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_of_two_relays_one_leads_and_the_other_takes_over(book):
    first, second = Sequencer(book(), Kept()), Sequencer(book(), Kept())
    happen("order/a", 1)
    assert (second.step(), first.step()) == (1, 0)
    assert second.leads
    assert not first.leads
    happen("order/a", 2)
    assert first.step() == 0
    second.let_go()
    assert wait_for(first.step) == 1  # the lock goes with the session, a moment later
    assert positions() == [1, 2]
    assert Leadership.objects.get().epoch == 2


def test_two_running_relays_number_everything_once():
    with running_relay(), running_relay():
        for version in range(1, 51):
            happen("order/a", version)
        wait_for(lambda: not Event.objects.filter(position=None).exists())
    assert positions() == list(range(1, 51))


def test_a_frozen_leader_is_fenced_and_can_number_nothing_more(book):
    frozen = Sequencer(book(), Kept())
    frozen.step()
    heir = Sequencer(book(stale=0.2), Kept())
    happen("order/a", 1)
    assert wait_for(heir.step) == 1
    happen("order/a", 2)
    with pytest.raises(psycopg.Error):
        frozen.step()
    assert heir.step() == 1
    assert positions() == [1, 2]


def test_a_leader_that_beats_is_not_fenced(book):
    leader = Sequencer(book(), Kept())
    leader.step()
    heir = Sequencer(book(stale=60), Kept())
    for _ in range(5):
        heir.step()
    assert leader.step() == 0
    assert leader.leads


def test_a_crash_between_commit_and_publish_begins_a_new_epoch(book):
    """What the dead leader numbered was never published; the next leader says so on every shard before all else."""
    dead_book, outlet = book(), Kept()
    assert dead_book.lead() == 1
    happen("order/a", 1)
    assert len(dead_book.number(10)) == 1
    dead_book.let_go()
    happen("order/a", 2)
    heir = Sequencer(book(), outlet)
    assert wait_for(heir.step) == 1
    heads = outlet.heads()
    assert [head[:3] for head in heads[: wire.SHARDS]] == [["2", "0", "-"]] * wire.SHARDS
    assert {shard for shard, _ in outlet.messages[: wire.SHARDS]} == set(range(wire.SHARDS))
    assert heads[-1] == ["2", "1", "order/a", "2", "2", "*"]


def test_frames_lost_at_redis_begin_a_new_epoch(book):
    outlet = Kept()
    sequencer = Sequencer(book(), outlet)
    sequencer.step()
    outlet.fails = True
    happen("order/a", 1)
    assert sequencer.step() == 1
    outlet.fails = False
    outlet.messages.clear()
    happen("order/a", 2)
    assert sequencer.step() == 1
    assert outlet.heads()[0][:2] == ["2", "0"]
    assert outlet.heads()[-1][:5] == ["2", "1", "order/a", "2", "2"]


def test_counts_the_frames_over_all_shards_and_marks_the_last_of_each_event(book):
    outlet = Kept()
    sequencer = Sequencer(book(), outlet)
    for number in range(40):
        happen(f"order/{number}", 1, topics=["shop/res_a"], only={"merchant": {"x": 1}})
    sequencer.step()
    counters, places = [], []
    for (shard, _), head in zip(outlet.messages, outlet.heads(), strict=True):
        if head[2] != "-":
            assert wire.shard_of(head[2]) == shard
            counters.append(int(head[1]))
            places.append(head[4])
    assert counters == list(range(1, 40 * 2 * 2 + 1))
    assert places == [f"{position}{more}" for position in range(1, 41) for more in ("+", "+", "+", "")]


def test_publishes_on_redis(book):
    heard = wire.redis_connection().pubsub(ignore_subscribe_messages=True)
    heard.subscribe(wire.shard_channel(wire.shard_of("order/a")))
    heard.get_message(timeout=1)
    happen("order/a", 1, data={"a": 1})
    Sequencer(book(), RedisOutlet()).step()
    announced, frame = heard.get_message(timeout=1)["data"], heard.get_message(timeout=1)["data"]
    assert announced == b"1 0 - 0 0 *|"
    assert frame.startswith(b'1 1 order/a 1 1 *|{"topic":"order/a","type":"thing.happened"')
    heard.close()
