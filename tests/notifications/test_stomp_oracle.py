"""A STOMP client of somebody else (@stomp/stompjs on node) follows an order at our door, beats, comes back, ends."""

import pytest

from notifications.live import hub
from tests.notifications.conftest import happen, wait_for
from tests.stompjs import StompJs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stompjs(live):
    """`stompjs("/topic/orders/ord_a", key="ord_a")`: a client, running."""
    opened = []

    def open_one(destination, **options):
        made = StompJs(f"ws://127.0.0.1:{live.port}/live/ws", destination, **options)
        opened.append(made)
        return made

    yield open_one
    for made in opened:
        made.close()


def test_follows_an_order_through_a_cut_line(relay, live, stompjs):
    """By a key in CONNECT: state, changes, acknowledgements; after a cut exactly what it missed; then a clean end."""
    happen("order/ord_a", 1, data={"status": "PENDING"})
    program = stompjs("/topic/orders/ord_a", key="ord_a")
    assert program.hears("connected")["headers"]["version"] == "1.2"
    assert program.hears("message")["frame"]["type"] == "snapshot"
    happen("order/ord_a", 2, "order.confirmed", data={"status": "CONFIRMED"})
    told = program.hears("message")
    assert (told["frame"]["version"], told["headers"]["destination"]) == (2, "/topic/orders/ord_a")
    wait_for(lambda: live.hub.sync_seconds)
    live.cut()
    program.hears("closed")
    happen("order/ord_a", 3)
    happen("order/ord_a", 4)
    program.hears("connected")
    wait_for(lambda: program.frames[-1]["version"] == 4)
    assert [frame["version"] for frame in program.frames] == [1, 2, 3, 4]
    program.does("stop")
    program.hears("stopped")
    wait_for(lambda: not live.hub.connections)


def test_may_not_send_and_finds_nothing_of_others(relay, stompjs):
    happen("order/ord_a", 1)
    happen("order/ord_b", 1)
    sender, stranger = stompjs("/topic/orders/ord_a", key="ord_a"), stompjs("/topic/orders/ord_b", key="ord_a")
    assert stranger.hears("error")["headers"]["message"] == "not_found: order/ord_b"
    assert stranger.hears("closed")["code"] == 4403
    sender.hears("message")
    sender.does("send")
    assert "read only" in sender.hears("error")["headers"]["message"]
    assert sender.hears("closed")["code"] == 4400


def test_its_beats_and_ours_keep_the_line(relay, live, stompjs, monkeypatch):
    """Beats of a second both ways: after several of them it is the same line, and it still hears."""
    monkeypatch.setattr(hub, "PING_SECONDS", 1)
    monkeypatch.setattr("notifications.live.stomp.OUR_BEAT_MS", 1_000)
    monkeypatch.setattr("notifications.live.stomp.THEIR_BEAT_MS", 500)
    happen("order/ord_a", 1)
    program = stompjs("/topic/orders/ord_a", key="ord_a", beats=500)
    assert program.hears("connected")["headers"]["heart-beat"] == "1000,500"
    program.hears("message")
    (line,) = live.hub.connections
    heard = []
    wait_for(lambda: heard.append(line._heard_at) or len(set(heard)) > 3)
    happen("order/ord_a", 2)
    assert program.hears("message")["frame"]["version"] == 2
    assert [told["told"] for told in program.told].count("closed") == 0
