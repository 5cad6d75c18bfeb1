"""Each reader hears everything in order; one event that cannot be handled holds up its own stream only."""

import threading
from datetime import timedelta

import pytest
from django.db import Error, connection

from config.ground import clock
from notifications import log
from notifications.log import readers, wire
from notifications.log.leadership import PostgresBook
from notifications.models import Event, ParkedEvent, ReaderCursor, RegisteredHost
from tests.notifications.conftest import happen, running_relay, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def number():
    """Number all that is pending."""
    book = PostgresBook()
    book.lead()
    book.number(10_000)
    book.let_go()


class Ear:
    """A handler that remembers, and fails on what it is told to."""

    def __init__(self):
        self.heard = []
        self.fails_on = set()

    def __call__(self, event):
        self.heard.append((event.stream, event.version))
        if (event.stream, event.version) in self.fails_on:
            raise ValueError("cannot bear it")


class Gatherer(Ear):
    """A handler that hears several at once, and keeps in the database what it heard."""

    together = 0

    def hear_all(self, events):
        for event in events:
            self(event)
        self.together += 1

    def __call__(self, event):
        RegisteredHost.objects.create(account=event.stream, host=f"{event.version}")
        super().__call__(event)


def kept():
    return list(RegisteredHost.objects.order_by("pk").values_list("account", "host"))


def due_now():
    ParkedEvent.objects.filter(resolved_at=None).update(next_try_at=clock.now() - timedelta(seconds=1))


def test_hears_every_event_once_in_order():
    for version in range(1, 4):
        for stream in ("order/a", "order/b"):
            happen(stream, version)
    number()
    reader = readers.Reader("ear", ear := Ear())
    assert reader.step() == 6
    assert reader.step() == 0
    assert ear.heard == [(stream, version) for version in (1, 2, 3) for stream in ("order/a", "order/b")]
    assert ReaderCursor.objects.get().position == 6


def test_is_told_all_there_is_to_know():
    happen("order/a", 1, "order.placed", data={"a": 1}, only={"rider": {"b": 2}}, actor="customer", account="usr_a")
    number()
    told = []
    readers.Reader("ear", told.append).step()
    event = told[0]
    assert (event.position, event.ref, event.type, event.actor) == (1, "a", "order.placed", "customer")
    assert (event.data, event.only, event.account) == ({"a": 1}, {"rider": {"b": 2}}, "usr_a")


def test_does_not_hear_what_has_no_number_yet():
    happen("order/a", 1)
    assert readers.Reader("ear", Ear()).step() == 0


def test_each_reader_has_its_own_pace():
    happen("order/a", 1)
    number()
    first, second = readers.Reader("first", ear := Ear()), readers.Reader("second", ear)
    first.step()
    happen("order/a", 2)
    number()
    second.step()
    assert ear.heard == [("order/a", 1), ("order/a", 1), ("order/a", 2)]


def test_passes_over_types_it_does_not_hear():
    ear = Ear()

    @log.hears("order.cancelled")
    def handler(event):
        ear(event)

    for version, kind in enumerate(["order.placed", "order.cancelled", "order.refunded"], start=1):
        happen("order/a", version, kind)
    number()
    readers.Reader("ear", handler).step()
    assert ear.heard == [("order/a", 2)]
    assert ReaderCursor.objects.get().position == 3


def test_a_failing_event_parks_its_stream_and_no_other():
    for version in (1, 2, 3):
        for stream in ("order/a", "order/b"):
            happen(stream, version)
    number()
    reader = readers.Reader("ear", ear := Ear())
    ear.fails_on = {("order/a", 2)}
    reader.step()
    assert ear.heard == [("order/a", 1), ("order/b", 1), ("order/a", 2), ("order/b", 2), ("order/b", 3)]
    parked = list(ParkedEvent.objects.order_by("position").values_list("stream", "position", "tries", "error"))
    assert parked == [("order/a", 3, 1, "ValueError: cannot bear it"), ("order/a", 5, 0, "")]


def test_a_parked_stream_goes_on_in_order_once_its_event_is_handled():
    for version in (1, 2, 3):
        happen("order/a", version)
    number()
    reader = readers.Reader("ear", ear := Ear())
    ear.fails_on = {("order/a", 1)}
    reader.step()
    due_now()
    reader.step()
    assert ear.heard == [("order/a", 1), ("order/a", 1)]
    assert ParkedEvent.objects.filter(resolved_at=None).count() == 3
    ear.fails_on = set()
    happen("order/a", 4)
    number()
    due_now()
    reader.step()
    assert ear.heard[2:] == [("order/a", 1), ("order/a", 2), ("order/a", 3), ("order/a", 4)]
    assert not ParkedEvent.objects.filter(resolved_at=None).exists()


def test_waits_longer_after_each_failure():
    happen("order/a", 1)
    number()
    reader = readers.Reader("ear", ear := Ear())
    ear.fails_on = {("order/a", 1)}
    pauses = []
    reader.step()
    for _ in range(3):
        reader.step()  # not due yet: nothing happens
        parked = ParkedEvent.objects.get()
        pauses.append((parked.tries, round((parked.next_try_at - clock.now()).total_seconds())))
        due_now()
        reader.step()
    assert pauses == [(1, 1), (2, 5), (3, 15)]


def test_what_a_failing_handler_wrote_is_undone_and_its_progress_kept():
    def handler(event):
        RegisteredHost.objects.create(account=event.ref, host="x")
        raise ValueError

    happen("order/a", 1)
    number()
    readers.Reader("ear", handler).step()
    assert not RegisteredHost.objects.exists()
    assert ReaderCursor.objects.get().position == 1


def test_a_handler_that_can_hears_many_in_one_transaction():
    for version in range(1, 5):
        happen("order/a", version)
    number()
    reader = readers.Reader("ear", ear := Gatherer())
    reader.step()
    assert (ear.together, kept()) == (1, [("order/a", f"{version}") for version in range(1, 5)])
    assert reader.step() == 0


def test_one_that_fails_among_many_parks_its_stream_alone():
    """What the whole transaction wrote is undone, then each is heard for itself."""
    for version in (1, 2):
        for stream in ("order/a", "order/b"):
            happen(stream, version)
    number()
    reader = readers.Reader("ear", ear := Gatherer())
    ear.fails_on = {("order/a", 2)}
    reader.step()
    assert (ear.together, kept()) == (0, [("order/a", "1"), ("order/b", "1"), ("order/b", "2")])
    ear.fails_on = set()
    for version in (3, 4):
        for stream in ("order/a", "order/b"):
            happen(stream, version)
    number()
    reader.step()  # what is parked holds up the later ones of its stream here too
    assert ear.together == 0
    assert set(ParkedEvent.objects.values_list("stream", "position")) == {("order/a", n) for n in (3, 5, 7)}
    assert kept()[3:] == [("order/b", "3"), ("order/b", "4")]


def test_nobody_hears_together_what_another_relay_heard_meanwhile():
    for version in (1, 2, 3):
        happen("order/a", version)
    number()
    here, there = readers.Reader("ear", ear := Gatherer()), readers.Reader("ear", ear)
    position, events = 0, readers.after(0)
    there.step()
    assert here.follow(position, events) is None
    assert kept() == [("order/a", "1"), ("order/a", "2"), ("order/a", "3")]


def test_two_relays_running_the_same_reader_take_turns():
    for version in range(1, 101):
        happen(f"order/{version % 7}", (version - 1) // 7 + 1)
    number()
    ear = Ear()

    def run():
        while readers.Reader("ear", ear).step() or ReaderCursor.objects.get(name="ear").position < 100:
            pass
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ear.heard) == 100
    assert len(set(ear.heard)) == 100


def test_a_reader_frozen_inside_a_transaction_holds_up_no_other_relay(monkeypatch):
    """SIGSTOP keeps its session and the cursor's lock: PostgreSQL ends it, and the event is heard elsewhere."""
    monkeypatch.setattr(wire, "FROZEN_MS", 300)
    frozen, woken, outcome = threading.Event(), threading.Event(), []
    happen("order/a", 1)
    number()

    def freeze(event):
        frozen.set()
        woken.wait(20)

    def run():
        try:
            wire.open_reader_session()
            readers.Reader("ear", freeze).step()
        except Error as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert frozen.wait(10)
    readers.Reader("ear", ear := Ear()).step()
    assert ear.heard == [("order/a", 1)]
    woken.set()
    thread.join(10)
    assert len(outcome) == 1


def test_runs_beside_the_sequencer():
    stop, numbered = threading.Event(), threading.Event()
    ear = Ear()
    thread = threading.Thread(target=readers.run, args=(stop, {"ear": ear}, numbered))
    thread.start()
    with running_relay():
        happen("order/a", 1)
        wait_for(lambda: ear.heard)
    stop.set()
    numbered.set()
    thread.join(10)
    assert Event.objects.get().position == 1
