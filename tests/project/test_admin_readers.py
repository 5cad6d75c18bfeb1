"""What a reader cannot handle is seen at the desk with its reason, tried again, or passed over by a lead, with why."""

import threading

import pytest
from django.db import connection
from django.urls import reverse

from notifications.log import readers, sequencer
from notifications.models import ParkedEvent, ReaderCursor
from orders.models import StaffAction
from tests.notifications.conftest import happen, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "The mail server is back since nine."


class Moody:
    """A handler that fails for some streams until it is mended."""

    def __init__(self):
        self.sick = {"order/ord_bad", "order/ord_worse"}
        self.heard = []

    def __call__(self, event):
        if event.stream in self.sick and event.version == 2:
            raise ValueError(f"cannot bear {event.stream}")
        self.heard.append((event.stream, event.version))


@pytest.fixture
def moody(cast):
    """A real relay (sequencer and readers in threads) whose reader "letters" is moody."""
    handler, stop, numbered = Moody(), threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=sequencer.run, args=(stop, numbered)),
        threading.Thread(target=readers.run, args=(stop, {"letters": handler, "stock": lambda event: None}, numbered)),
    ]
    for thread in threads:
        thread.start()
    yield handler
    stop.set()
    numbered.set()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()
    connection.close()


def park(moody):
    for version in (1, 2, 3):
        for ref in ("bad", "good", "worse"):
            happen(f"order/ord_{ref}", version, "order.confirmed")
    wait_for(lambda: ParkedEvent.objects.filter(resolved_at=None).count() == 4)
    wait_for(lambda: ReaderCursor.objects.filter(position=9).count() == 2)
    ParkedEvent.objects.update(next_try_at="2099-01-01T00:00Z")  # by itself it is not tried again in this test


def of(ref, moody):
    return [version for stream, version in moody.heard if stream == f"order/ord_{ref}"]


def page(name="letters", *more):
    return reverse("admin:notifications_readercursor_change", args=[name])


def skip(position):
    return reverse("admin:notifications_readercursor_skip", args=["letters", position])


def test_each_reader_says_how_far_it_is_and_what_it_parked(desk, moody):
    park(moody)
    assert of("good", moody) == [1, 2, 3]  # one bad event parks its own order only
    ReaderCursor.objects.filter(name="stock").update(position=2)
    ReaderCursor.objects.create(name="idle", position=0)
    rows = {
        row.name: (row.position, row.ahead, row.waiting, row.failed)
        for row in desk.sam.get(reverse("admin:notifications_readercursor_changelist")).context["cl"].result_list
    }
    assert rows["letters"] == (9, 0, 4, "ValueError: cannot bear order/ord_worse")
    assert rows["idle"] == (0, 9, 0, None)
    shown = desk.sam.get(page()).text
    for words in ("ValueError: cannot bear order/ord_bad", "ord_worse", "order.confirmed", "4 events parked"):
        assert words in shown, words
    assert "Pass over…" not in shown
    assert "Pass over…" in desk.lena.get(page()).text
    assert desk.sam.get(page("nobody")).status_code == 404


def test_one_stream_or_all_are_tried_again_and_it_is_recorded(desk, moody):
    park(moody)
    moody.sick.clear()
    assert desk.sam.post(page(), {"stream": "order/ord_bad", "reason": "short"}).status_code == 422
    assert of("bad", moody) == [1]
    assert desk.sam.post(page(), {"stream": "order/ord_bad", "reason": WHY}).status_code == 302
    wait_for(lambda: of("bad", moody) == [1, 2, 3])  # in order, by the relay
    assert of("worse", moody) == [1]
    assert desk.sam.post(page(), {"reason": WHY}).status_code == 302
    wait_for(lambda: of("worse", moody) == [1, 2, 3])
    wait_for(lambda: not ParkedEvent.objects.filter(resolved_at=None).exists())
    assert list(StaffAction.objects.order_by("id").values_list("does", "reason")) == [
        ("reader letters: retry order/ord_bad", WHY),
        ("reader letters: retry all", WHY),
    ]
    gone = desk.sam.post(page(), {"stream": "order/ord_bad", "reason": WHY})
    assert (gone.status_code, "not the first one that waits" in gone.text) == (422, True)


def test_a_lead_passes_over_what_can_never_succeed_and_the_rest_goes_on(desk, moody):
    park(moody)
    parked = ParkedEvent.objects.get(stream="order/ord_bad", tries__gt=0)
    behind = ParkedEvent.objects.get(stream="order/ord_bad", tries=0)
    asked = desk.lena.get(skip(parked.position))
    assert "will never do its part for this event" in asked.text
    assert desk.lena.post(skip(parked.position), {"reason": ""}).status_code == 422
    assert desk.lena.post(skip(behind.position), {"reason": WHY}).status_code == 422  # not the one that holds it up
    assert ParkedEvent.objects.filter(resolved_at=None).count() == 4
    assert desk.lena.post(skip(parked.position), {"reason": WHY}).status_code == 302
    wait_for(lambda: of("bad", moody) == [1, 3])
    wait_for(lambda: ParkedEvent.objects.filter(resolved_at=None).count() == 2)
    parked.refresh_from_db()
    assert (parked.is_skipped, parked.resolved_at is not None) == (True, True)
    assert StaffAction.objects.get().does == f"reader letters: skip {parked.position}"
    listed = desk.sam.get(reverse("admin:notifications_parkedevent_changelist"), {"is_skipped__exact": 1}).text
    assert "passed over" in listed


def test_who_is_no_lead_does_not_pass_over_anything_and_the_try_is_recorded(desk, moody):
    park(moody)
    parked = ParkedEvent.objects.get(stream="order/ord_bad", tries__gt=0)
    assert desk.sam.post(skip(parked.position), {"reason": WHY}).status_code == 403
    assert StaffAction.objects.get().outcome == "DENIED"
    assert ParkedEvent.objects.filter(resolved_at=None).count() == 4


def test_a_hundred_parked_streams_come_page_by_page(desk):
    ReaderCursor.objects.create(name="letters", position=200)
    ParkedEvent.objects.bulk_create(
        ParkedEvent(reader="letters", position=n, stream=f"order/ord_{n}", error="x", tries=1) for n in range(1, 121)
    )
    seen = [one.position for number in (1, 2, 3) for one in desk.sam.get(page(), {"page": number}).context["page"]]
    assert seen == list(range(1, 121))
