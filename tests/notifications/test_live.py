"""A browser that follows a topic sees every change once, in order, whatever happens on the way."""

import json
import threading
import time
from contextlib import suppress

import pytest
from django.db import connection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from notifications.live.asgi import WIRE, for_many
from notifications.live.protocol import SUBSCRIPTIONS
from notifications.log import wire
from notifications.models import Event
from tests.notifications.conftest import Client, check_rights, happen, running_relay, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_sends_the_whole_state_and_then_each_change(relay, visit):
    happen("order/ord_a", 1, data={"status": "PENDING"}, only={"customer": {"code": "4711"}, "merchant": {"m": 1}})
    ana = visit("ord_a")
    ana.follow("order/ord_a")
    snapshot = ana.hear()
    assert snapshot["type"] == "snapshot"
    assert snapshot["topic"] == "order/ord_a"
    assert (snapshot["version"], snapshot["data"]) == (1, {"status": "PENDING", "code": "4711"})
    happen("order/ord_a", 2, "order.confirmed", data={"status": "CONFIRMED"}, only={"merchant": {"m": 2}})
    frame = ana.hear()
    assert frame["type"] == "order.confirmed"
    assert (frame["order"], frame["version"], frame["data"]) == ("ord_a", 2, {"status": "CONFIRMED"})
    assert frame["position"] == 2
    assert frame["at"].endswith("Z")


def test_each_role_sees_its_own_shape(relay, visit, cast):
    happen("order/ord_a", 1)
    ana, sam = visit("ord_a"), visit(user=cast.sam)
    for client in (ana, sam):
        client.follow("order/ord_a")
        client.hear()
    happen("order/ord_a", 2, data={"a": 1}, only={"customer": {"code": "1"}, "staff": {"raw": 2}, "merchant": {"x": 3}})
    assert ana.hear()["data"] == {"a": 1, "code": "1"}
    assert sam.hear()["data"] == {"a": 1, "raw": 2}


def test_an_event_is_heard_on_each_of_its_topics(relay, visit):
    bruno = visit("res_b")
    bruno.follow("shop/res_b")
    assert bruno.hear()["data"] == {"orders": 0}
    happen("order/ord_a", 1, "order.placed", topics=("shop/res_b",))
    frame = bruno.hear()
    assert (frame["topic"], frame["stream"], frame["version"]) == ("shop/res_b", "order/ord_a", 1)


@pytest.mark.parametrize("topic", ["order/ord_b", "order/ord_never", "shop/res_b", "nonsense/x", "order", "../etc"])
def test_nobody_learns_that_anothers_order_exists(relay, visit, topic):
    """Someone else's, one that never was and an unknown kind get the same answer."""
    happen("order/ord_b", 1)
    mallory = visit("ord_a")
    mallory.follow(topic)
    assert mallory.hear() == {"type": "error", "code": "not_found", "topic": topic}


def test_a_gone_order_is_not_found(relay, visit):
    ana = visit("ord_never_written")
    ana.follow("order/ord_never_written")
    assert ana.hear()["code"] == "not_found"


def test_resumes_with_the_missed_events_only(relay, visit):
    for version in range(1, 6):
        happen("order/ord_a", version, data={"v": version})
    wait_for(lambda: not Event.objects.filter(position=None).exists())
    ana = visit("ord_a")
    ana.follow("order/ord_a", version=3)
    assert [ana.hear()["version"] for _ in range(2)] == [4, 5]
    happen("order/ord_a", 6)
    assert ana.hear()["version"] == 6


@pytest.mark.parametrize("version", [99, 2**40], ids=["from_the_future", "absurd"])
def test_a_cursor_of_another_log_gets_the_whole_state(relay, visit, version):
    happen("order/ord_a", 1)
    ana = visit("ord_a")
    ana.follow("order/ord_a", version=version)
    frame = ana.hear()
    assert (frame["type"], frame["version"]) == ("snapshot", 1)


def test_a_far_cursor_gets_the_whole_state(relay, visit):
    for version in range(1, 61):
        happen("order/ord_a", version, data={"v": version})
    ana = visit("ord_a")
    ana.follow("order/ord_a", version=1)
    frame = ana.hear()
    assert (frame["type"], frame["data"]) == ("snapshot", {"v": 60})


def test_reconnecting_under_writes_leaves_no_gap_and_no_duplicate(relay, visit):
    """A browser that drops its line again and again, while the order moves on, sees 1..n exactly once each."""
    last = 150

    def write():
        for version in range(2, last + 1):
            happen("order/ord_a", version)
        connection.close()

    happen("order/ord_a", 1)
    writer = threading.Thread(target=write)
    writer.start()
    seen, lines = 0, 0
    while seen < last:
        ana = visit("ord_a")
        lines += 1
        ana.follow("order/ord_a", version=seen or None)
        for _ in range(7):
            frame = ana.hear()
            if frame["type"] == "snapshot":
                assert frame["version"] >= seen
            else:
                assert frame["version"] == seen + 1
            seen = frame["version"]
            if seen == last:
                break
        ana.socket.close()
    writer.join()
    assert lines > 1
    assert seen == last


def test_a_new_leader_makes_up_for_what_the_old_one_did_not_publish(live, visit):
    """Numbered and committed, but the leader dies before publishing: the epoch of the next one brings it."""
    with running_relay():
        happen("order/ord_a", 1)
        ana = visit("ord_a")
        ana.follow("order/ord_a")
        assert ana.hear()["version"] == 1
        wait_for(lambda: Event.objects.get().position)
    happen("order/ord_a", 2)
    Event.objects.filter(version=2).update(position=2)
    with running_relay():
        assert ana.hear()["version"] == 2
    assert live.hub.resyncs == 1


def test_a_lost_frame_is_noticed_and_made_up_for(relay, visit, live):
    """A frame that never came: the counter jumps, the subscription reads again."""
    happen("order/ord_a", 1)
    ana = visit("ord_a")
    ana.follow("order/ord_a")
    ana.hear()
    happen("order/ord_a", 2)
    ana.hear()
    live.hub._counter -= 1
    happen("order/ord_a", 3)
    assert ana.hear()["version"] == 3
    assert live.hub.resyncs == 1


def test_redis_connections_cut_bring_a_resync(relay, visit, live):
    happen("order/ord_a", 1)
    ana = visit("ord_a")
    ana.follow("order/ord_a")
    ana.hear()
    before = live.hub.resyncs
    wire.redis_connection().execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    happen("order/ord_a", 2)
    assert ana.hear()["version"] == 2
    wait_for(lambda: live.hub.resyncs > before)


def test_a_stalled_browser_delays_nobody_and_catches_up_by_a_fresh_state(relay, visit, live):
    """Its queue overflows and is dropped; once it reads again it gets the whole state instead."""
    happen("order/ord_a", 1)
    ana, sleeper = visit("ord_a"), visit("ord_a", max_queue=1)
    for client in (ana, sleeper):
        client.follow("order/ord_a")
        client.hear()
    version, slowest = 1, 0.0
    while not live.hub.overflows:
        version += 1
        assert version < 1_000, "the sleeper never stalled"
        began = time.monotonic()
        happen("order/ord_a", version, data={"v": version, "fat": "x" * 60_000})
        assert ana.hear()["version"] == version
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 0.5
    seen = 1
    while (frame := sleeper.hear())["type"] != "resync":
        assert frame["version"] == seen + 1
        seen += 1
    assert frame == {"type": "resync", "topic": "order/ord_a"}
    assert seen < version - 60
    fresh = sleeper.hear()
    assert (fresh["type"], fresh["version"], fresh["data"]["v"]) == ("snapshot", version, version)
    happen("order/ord_a", version + 1)
    assert (sleeper.hear()["version"], ana.hear()["version"]) == (version + 1, version + 1)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{", 4400),
        ("[]", 4400),
        ('"x"', 4400),
        ('{"type":"shout"}', 4400),
        ('{"type":"subscribe"}', 4400),
        ('{"type":"subscribe","topic":7}', 4400),
        ('{"type":"subscribe","topic":"a b"}', 4400),
        ('{"type":"subscribe","topic":"order/ord_a","after":3}', 4400),
        ('{"type":"subscribe","topic":"order/ord_a","after":{"version":-1}}', 4400),
        ('{"type":"subscribe","topic":"order/ord_a","after":{"version":true}}', 4400),
        ('{"type":"ack","position":"1"}', 4400),
        (b"\x00\xff\x10", 4400),
        (json.dumps({"type": "ping", "pad": "x" * 9_000}), 4413),
        ("x" * 1_000_000, 1009),
    ],
    ids=lambda value: str(value)[:40],
)
def test_hangs_up_on_bad_input_with_a_code(visit, said, code):
    ana, other = visit("ord_a"), visit("ord_a")
    ana.socket.send(said)
    assert ana.closed_with()[0] == code
    other.say(type="ping")
    assert other.hear()["type"] == "pong"


def test_asks_for_the_subprotocol(live):
    client = Client(live.port, subprotocols=None)
    assert client.closed_with() == (4400, "offer the subprotocol lockstep.v1")


def test_refuses_a_page_of_another_site(live):
    with pytest.raises(InvalidStatus) as refused:
        Client(live.port, headers={"Origin": "https://evil.example"})
    assert refused.value.response.status_code == 403
    for origin in (f"http://127.0.0.1:{live.port}", "https://shop.example"):
        Client(live.port, headers={"Origin": origin}).socket.close()


def test_refuses_other_paths(live):
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{live.port}/live/other", subprotocols=["lockstep.v1"])


def test_limits_the_subscriptions_of_a_connection(visit):
    refs = [f"ord_{number}" for number in range(SUBSCRIPTIONS + 1)]
    for ref in refs:
        happen(f"order/{ref}", 1)
    ana = visit(*refs)
    for ref in refs:
        ana.follow(f"order/{ref}")
    answers = [ana.hear() for _ in refs]
    assert sum(answer["type"] == "snapshot" for answer in answers) == SUBSCRIPTIONS
    assert {"type": "error", "code": "too_many_subscriptions", "topic": f"order/{refs[-1]}"} in answers


def test_hangs_up_on_a_flood(visit):
    ana = visit("ord_a")
    with suppress(ConnectionClosed):  # it may hang up before we have said everything
        for _ in range(300):
            ana.say(type="ping")
    assert ana.closed_with()[0] == 1013


def test_stops_when_unsubscribed(relay, visit):
    happen("order/ord_a", 1)
    ana = visit("ord_a")
    ana.follow("order/ord_a")
    ana.hear()
    ana.say(type="unsubscribe", topic="order/ord_a")
    ana.say(type="ping")
    assert ana.hear()["type"] == "pong"
    happen("order/ord_a", 2)
    ana.follow("order/ord_a")
    assert ana.hear()["type"] == "snapshot"


def test_an_acknowledgement_tells_how_long_the_change_took(relay, visit, live):
    happen("order/ord_a", 1)
    ana = visit("ord_a")
    ana.follow("order/ord_a")
    ana.hear()
    happen("order/ord_a", 2)
    ana.say(type="ack", position=ana.hear()["position"], shown_at="2026-01-01T00:00:00Z")
    wait_for(lambda: live.hub.sync_seconds)
    assert 0 < live.hub.sync_seconds[0] < 5


def test_a_right_taken_away_ends_the_subscription(relay, visit, live):
    happen("order/ord_a", 1)
    happen("order/ord_b", 1)
    ana = visit("ord_a", "ord_b")
    for ref in ("ord_a", "ord_b"):
        ana.follow(f"order/{ref}")
        ana.hear()
    ana.session["guest_orders"] = ["ord_b"]
    ana.session.save()
    check_rights(live)
    assert ana.hear() == {"type": "error", "code": "not_found", "topic": "order/ord_a"}
    ana.session["guest_orders"] = []
    ana.session.save()
    check_rights(live)
    assert ana.closed_with()[0] == 4403


def test_signing_out_hangs_up(visit, live, cast):
    sam = visit(user=cast.sam)
    sam.say(type="ping")
    sam.hear()
    sam.session.flush()
    check_rights(live)
    assert sam.closed_with() == (4401, "signed out")


def test_tells_clients_before_it_goes(visit, live):
    ana = visit("ord_a")
    ana.say(type="ping")
    ana.hear()
    line = next(iter(live.hub.connections))
    line.closing.get_loop().call_soon_threadsafe(live.hub.send_off, 4_000)
    assert ana.hear() == {"type": "reconnect", "within_ms": 4_000}


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536])
def test_what_many_sockets_get_is_framed_as_the_library_would(size):
    text = b"x" * size
    message = for_many(text)
    assert message["text"] == text.decode()
    theirs = Frame(Opcode.TEXT, text).serialize(mask=False)
    assert message.get(WIRE) == (theirs if size < 65_536 else None)
