"""Event streams and long polls carry the same frames as the socket, and a cursor brings what was missed, once."""

import json
import threading
from dataclasses import replace

import httpx
import pytest
from django.db import connection

from notifications.live import tickets
from notifications.live.person import Credential
from notifications.models import Event
from tests.notifications.conftest import TOPICS, Client, happen, running_relay, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Stream:
    """A browser's EventSource: events with their data, and the id that it would send when it comes back."""

    def __init__(self, port, session, *topics, headers=None, **query):
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)
        self.http.cookies["sessionid"] = session
        asked = [("topic", topic) for topic in topics] + list(query.items())
        self.answer = self.http.send(
            self.http.build_request("GET", "/live/sse", params=asked, headers=headers or {}), stream=True
        )
        self.cursor = ""
        self._lines = self.answer.iter_lines()

    def hear(self, passing=("welcome", "ping")):
        """The next message that is not small talk."""
        data = None
        for line in self._lines:
            if line.startswith("id: "):
                self.cursor = line[4:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif data is not None and data["type"] not in passing:
                return data
            else:
                data = None
        return None

    def hears_its_cursor(self):
        """Read on to the id that says: everything is level."""
        for line in self._lines:
            if line.startswith("id: "):
                self.cursor = line[4:]
                return
        raise AssertionError("the stream ended")

    def close(self):
        self.answer.close()
        self.http.close()


@pytest.fixture
def stream(live, visit):
    """`stream(client, topics…)`: an event stream with that client's session."""
    opened = []

    def open_one(client, *topics, **options):
        made = Stream(live.port, client.session.session_key, *topics, **options)
        opened.append(made)
        return made

    yield open_one
    for made in opened:
        made.close()


def poll(port, session, *topics, **query):
    asked = [("topic", topic) for topic in topics] + list(query.items())
    cookies = {"sessionid": session} if session else {}
    with httpx.Client(trust_env=False, timeout=30, cookies=cookies) as http:
        return http.get(f"http://127.0.0.1:{port}/live/poll", params=asked)


def test_a_stream_sends_the_state_and_then_each_change(relay, visit, stream):
    happen("order/ord_a", 1, data={"status": "PENDING"})
    ana = stream(visit("ord_a"), "order/ord_a")
    assert ana.answer.headers["content-type"].startswith("text/event-stream")
    first = ana.hear()
    assert (first["type"], first["version"], first["data"]) == ("snapshot", 1, {"status": "PENDING"})
    happen("order/ord_a", 2, "order.confirmed", data={"status": "CONFIRMED"})
    frame = ana.hear()
    assert (frame["type"], frame["version"], frame["position"]) == ("order.confirmed", 2, 2)
    assert ana.cursor == "2"


def test_a_stream_that_comes_back_with_its_cursor_hears_only_what_it_missed(relay, visit, stream):
    """On every topic, whichever of them spoke last; a quiet topic says nothing at all."""
    happen("order/ord_a", 1)
    happen("order/ord_b", 1, topics=("shop/res_b",))
    ana = visit("ord_a", "ord_b", "res_b")
    topics = ("order/ord_a", "order/ord_b", "shop/res_b")
    first = stream(ana, *topics)
    assert {first.hear()["topic"] for _ in topics} == set(topics)
    first.hears_its_cursor()
    first.close()
    happen("order/ord_a", 2)
    happen("order/ord_a", 3)
    wait_for(lambda: not Event.objects.filter(position=None).exists())
    again = stream(ana, *topics, headers={"Last-Event-ID": first.cursor})
    assert [(frame["topic"], frame["version"]) for frame in (again.hear(), again.hear())] == [
        ("order/ord_a", 2),
        ("order/ord_a", 3),
    ]
    happen("order/ord_b", 2, topics=("shop/res_b",))
    assert {again.hear()["topic"] for _ in range(2)} == {"order/ord_b", "shop/res_b"}


def test_a_topic_may_carry_the_version_that_the_page_shows(relay, visit, stream):
    for version in range(1, 6):
        happen("order/ord_a", version)
    wait_for(lambda: not Event.objects.filter(position=None).exists())
    ana = stream(visit("ord_a"), "order/ord_a@3")
    assert [ana.hear()["version"] for _ in range(2)] == [4, 5]


@pytest.mark.parametrize("cursor", ["99", "9007199254740991"], ids=["from_the_future", "absurd"])
def test_a_cursor_of_another_log_gets_the_whole_state(relay, visit, stream, cursor):
    happen("order/ord_a", 1)
    ana = stream(visit("ord_a"), "order/ord_a", headers={"Last-Event-ID": cursor})
    assert ana.hear()["type"] == "snapshot"


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9007199254740993", "1" * 300])
@pytest.mark.parametrize("door", ["sse", "poll"])
def test_a_bad_cursor_is_refused_with_a_sentence(live, visit, door, cursor):
    session = visit("ord_a").session.session_key
    answer = httpx.get(
        f"http://127.0.0.1:{live.port}/live/{door}",
        params={"topic": "order/ord_a", "after": cursor},
        cookies={"sessionid": session},
        trust_env=False,
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cursor" in answer.json()["detail"]


@pytest.mark.parametrize("door", ["sse", "poll"])
@pytest.mark.parametrize(
    ("topics", "status"),
    [([], 400), (["a b"], 400), (["order/ord_a"] * 51, 400), (["order/ord_a@x"], 400)],
    ids=["none", "no_name", "too_many", "no_version"],
)
def test_bad_topics_are_refused(live, visit, door, topics, status):
    session = visit("ord_a").session.session_key
    answer = httpx.get(
        f"http://127.0.0.1:{live.port}/live/{door}",
        params=[("topic", topic) for topic in topics],
        cookies={"sessionid": session},
        trust_env=False,
    )
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_nobody_learns_that_anothers_order_exists(relay, live, visit, stream):
    """Someone else's and one that never was: the same words, in a stream and in a poll."""
    happen("order/ord_b", 1)
    mallory = visit("ord_a")
    for topic in ("order/ord_b", "order/ord_never"):
        heard = stream(mallory, topic)
        assert heard.hear() == {"type": "error", "code": "not_found", "topic": topic}
        assert heard.hear()["code"] == 4403
        assert heard.hear() is None
        answer = poll(live.port, mallory.session.session_key, topic)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_poll_answers_the_state_then_what_comes(relay, live, visit):
    happen("order/ord_a", 1, data={"status": "PENDING"})
    session = visit("ord_a").session.session_key
    first = poll(live.port, session, "order/ord_a").json()
    assert [(frame["type"], frame["version"]) for frame in first["frames"]] == [("snapshot", 1)]
    asking = []
    waiting = threading.Thread(
        target=lambda: asking.append(poll(live.port, session, "order/ord_a", after=first["position"]).json())
    )
    waiting.start()
    wait_for(lambda: len(live.hub.connections) == 2)
    happen("order/ord_a", 2, "order.confirmed")
    waiting.join(timeout=10)
    assert [(frame["type"], frame["version"]) for frame in asking[0]["frames"]] == [("order.confirmed", 2)]
    assert asking[0]["position"] == 2


@pytest.mark.parametrize("topic", ["order/ord_a", "shop/res_b"])
def test_a_poll_without_news_answers_nothing_after_its_time(relay, live, visit, topic):
    """Also on a topic that has no versions: what was quiet is not told again."""
    happen("order/ord_a", 1, topics=("shop/res_b",))
    session = visit("ord_a", "res_b").session.session_key
    first = poll(live.port, session, topic).json()
    happen("order/ord_z", 1)
    again = poll(live.port, session, topic, after=first["position"], wait="1").json()
    assert again["frames"] == []
    assert again["position"] >= first["position"]


def test_polling_through_writes_and_changes_of_leader_loses_nothing(live, visit):
    """Each version once and in order, while relays come and go under the writes."""
    session = visit("ord_a").session.session_key
    each, seen, cursor = 20, 0, {}

    def write(first):
        for version in range(first, first + each):
            happen("order/ord_a", version)
        connection.close()

    happen("order/ord_a", 1)
    for leader in range(4):
        last = 1 + each * (leader + 1)
        writer = threading.Thread(target=write, args=(last - each + 1,))
        writer.start()
        with running_relay():
            while seen < last:
                told = poll(live.port, session, "order/ord_a", **cursor).json()
                for frame in told["frames"]:
                    assert frame["type"] == "snapshot" or frame["version"] <= seen + 1
                    seen = max(seen, frame["version"])
                cursor = {"after": told["position"]}
        writer.join()


def test_an_acknowledgement_may_come_by_post(relay, live, visit):
    happen("order/ord_a", 1)
    ana = visit("ord_a")
    ana.follow("order/ord_a")
    ana.hear()
    happen("order/ord_a", 2)
    ana.hear()
    door = f"http://127.0.0.1:{live.port}/live/ack"
    cookies = {"sessionid": ana.session.session_key}
    assert httpx.post(door, json={"type": "ack", "position": 2}, cookies=cookies, trust_env=False).status_code == 204
    assert len(live.hub.sync_seconds) == 1
    for body in (b"{", b"[]", b'{"type":"ping"}', b"\xff\xfe"):
        assert httpx.post(door, content=body, cookies=cookies, trust_env=False).status_code == 400
    assert httpx.post(door, content=b"x" * 10_000, cookies=cookies, trust_env=False).status_code == 413


@pytest.mark.parametrize("door", ["sse", "poll", "ack"])
def test_a_foreign_page_may_not_listen_with_our_cookies(live, visit, door):
    session = visit("ord_a").session.session_key
    answer = httpx.get(
        f"http://127.0.0.1:{live.port}/live/{door}?topic=order/ord_a",
        headers={"Origin": "https://evil.example"},
        cookies={"sessionid": session},
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_a_ticket_lets_in_once(relay, live, visit):
    """It stands for the session that asked for it, by every transport; shown again it opens nothing."""
    happen("order/ord_a", 1)
    session = visit("ord_a").session.session_key
    by_socket, by_poll = (tickets.issue(Credential("session", session)) for _ in range(2))
    stranger = Client(live.port, path=f"/live/ws?ticket={by_socket}")
    stranger.follow("order/ord_a")
    assert stranger.hear()["type"] == "snapshot"
    stranger.socket.close()
    assert poll(live.port, "", "order/ord_a", ticket=by_poll).json()["frames"][0]["type"] == "snapshot"

    assert Client(live.port, path=f"/live/ws?ticket={by_socket}").closed_with()[0] == 4401
    again = poll(live.port, "", "order/ord_a", ticket=by_poll)
    assert (again.status_code, again.json()["code"]) == (401, "unauthorized")


def test_a_program_shows_its_key(relay, live):
    happen("order/ord_a", 1)
    for headers in ({"X-Api-Key": "ord_a"}, {"Authorization": "Api-Key ord_a"}):
        program = Client(live.port, headers=headers)
        program.follow("order/ord_a")
        assert program.hear()["type"] == "snapshot"
        program.socket.close()


def test_one_account_does_not_take_all_the_room(live, settings):
    """The connection too many is told so; the others are not touched, and closing one makes room."""
    settings.LIVE_PER_ACCOUNT = 3
    mine = [Client(live.port, headers={"X-Api-Key": "ord_a"}) for _ in range(3)]
    wait_for(lambda: len(live.hub.connections) == 3)
    assert Client(live.port, headers={"X-Api-Key": "ord_a"}).closed_with()[0] == 4429
    refused = httpx.get(
        f"http://127.0.0.1:{live.port}/live/poll?topic=order/ord_a", headers={"X-Api-Key": "ord_a"}, trust_env=False
    )
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_connections")
    assert refused.headers["retry-after"]
    mine[0].say(type="ping")
    assert mine[0].hear()["type"] == "pong"
    mine.pop().socket.close()
    wait_for(lambda: len(live.hub.connections) == 2)
    mine.append(Client(live.port, headers={"X-Api-Key": "ord_a"}))
    mine[-1].say(type="ping")
    assert mine[-1].hear()["type"] == "pong"
    for client in mine:
        client.socket.close()


def test_an_address_does_not_take_all_the_room(live, visit, settings):
    settings.LIVE_PER_ADDRESS = 1
    visit("ord_a")
    wait_for(lambda: len(live.hub.connections) == 1)
    assert Client(live.port).closed_with()[0] == 4429


def test_a_poll_that_knows_more_than_the_hub_is_not_answered_at_once_again(live, visit):
    """Redis is away: the state was read beyond what the hub has heard of, and the cursor says so."""
    happen("order/ord_a", 1)
    Event.objects.update(position=1)
    session = visit("ord_a").session.session_key
    first = poll(live.port, session, "order/ord_a").json()
    assert (live.hub.reached, first["position"]) == (0, 1)
    again = poll(live.port, session, "order/ord_a", after=first["position"], wait="1").json()
    assert (again["frames"], again["position"]) == ([], 1)


def test_the_cursor_reaches_an_event_with_its_last_frame(relay, live, visit, stream):
    """Two topics hear one event by two frames: a line cut between them must bring the second one again."""
    happen("order/ord_a", 1, topics=("shop/res_b",))
    ana = stream(visit("ord_a", "res_b"), "order/ord_a", "shop/res_b")
    for _ in range(2):
        ana.hear()
    ana.hears_its_cursor()
    happen("order/ord_a", 2, topics=("shop/res_b",))
    assert (ana.hear()["topic"], ana.cursor) == ("order/ord_a", "1")
    assert (ana.hear()["topic"], ana.cursor) == ("shop/res_b", "2")


def test_a_stream_says_no_cursor_before_all_its_topics_are_followed(relay, live, visit, stream, monkeypatch):
    """The first topic is level long before the second is even asked about: an id then would skip the second's state."""
    slow = threading.Event()
    follows = TOPICS["shop"].may_follow
    monkeypatch.setitem(
        live.hub.topics, "shop", replace(TOPICS["shop"], may_follow=lambda *who: slow.wait(10) and follows(*who))
    )
    happen("order/ord_a", 1)
    wait_for(lambda: live.hub.reached == 1)
    ana = stream(visit("ord_a", "res_b"), "order/ord_a", "shop/res_b")
    ana.hear()
    happen("order/ord_a", 2)
    ana.hear()
    assert ana.cursor == ""
    slow.set()
    assert ana.hear()["topic"] == "shop/res_b"
    ana.hears_its_cursor()
    assert ana.cursor == "2"
