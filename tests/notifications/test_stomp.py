"""STOMP 1.2 at the socket, byte by byte: the same rights, order, limits and resync, and an ERROR for all the rest."""

import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from notifications.live import hub, stomp, tickets
from notifications.live.person import Credential
from tests.notifications.conftest import check_rights, happen, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Teller:
    """A program that writes its STOMP frames by hand."""

    def __init__(self, port, session="", *, query="", hello=("accept-version:1.2",), first="CONNECT"):
        headers = {"Cookie": f"sessionid={session}"} if session else {}
        self.socket = connect(
            f"ws://127.0.0.1:{port}/live/ws{query}", subprotocols=["v12.stomp", "v11.stomp"],
            additional_headers=headers, compression=None, legacy=True,
        )  # fmt: skip
        assert self.socket.subprotocol == "v12.stomp"
        self.say(first, *hello)

    def say(self, command, *headers, body=""):
        self.socket.send("\n".join([command, *headers, "", f"{body}\0"]))

    def hears(self, timeout=5.0):
        """The next frame as (command, headers, body); a beat is ("", {}, "")."""
        text = self.socket.recv(timeout=timeout)
        if text == "\n":
            return "", {}, ""
        assert text.endswith("\0")
        head, _, body = text[:-1].partition("\n\n")
        command, *lines = head.split("\n")
        return command, dict(line.split(":", 1) for line in lines), body

    def message(self):
        """The JSON frame of the next MESSAGE."""
        command, headers, body = self.hears()
        assert (command, headers["content-type"]) == ("MESSAGE", "application/json")
        assert int(headers["content-length"]) == len(body.encode())
        return json.loads(body)

    def follow(self, ref, name="0", **headers):
        more = [f"{key}:{value}" for key, value in headers.items()]
        self.say("SUBSCRIBE", f"id:{name}", f"destination:/topic/orders/{ref}", *more)

    def closed_with(self):
        try:
            while True:
                self.socket.recv(timeout=5)
        except ConnectionClosed as closed:
            return closed.rcvd.code


@pytest.fixture
def teller(live, visit):
    """`teller("ord_a")`: greeted already, with a session that may follow these."""
    opened = []

    def open_one(*refs, **options):
        session = visit(*refs).session.session_key if refs else ""
        made = Teller(live.port, session, **options)
        opened.append(made)
        return made

    yield open_one
    for made in opened:
        made.socket.close()


def greeted(made):
    command, headers, body = made.hears()
    assert (command, headers["version"], body) == ("CONNECTED", "1.2", "")
    return made


def test_follows_an_order_from_its_state_on(relay, teller, live):
    happen("order/ord_a", 1, data={"status": "PENDING"})
    ana = greeted(teller("ord_a"))
    ana.follow("ord_a", "my\\cid")
    command, headers, body = ana.hears()
    assert (command, headers["subscription"], headers["destination"]) == ("MESSAGE", "my\\cid", "/topic/orders/ord_a")
    state = json.loads(body)
    assert (state["type"], state["version"], state["data"]) == ("snapshot", 1, {"status": "PENDING"})
    happen("order/ord_a", 2, "order.confirmed", data={"status": "CONFIRMED", "note": "名"})
    command, headers, body = ana.hears()
    assert (json.loads(body)["version"], json.loads(body)["topic"]) == (2, "order/ord_a")
    ana.say("ACK", f"id:{headers['ack']}")
    wait_for(lambda: live.hub.sync_seconds)


def test_comes_back_with_its_version_and_misses_nothing(relay, teller):
    for version in range(1, 5):
        happen("order/ord_a", version)
    ana = greeted(teller("ord_a"))
    ana.follow("ord_a", after="2")
    first = ana.message()
    assert [first["version"], ana.message()["version"]] in ([3, 4], [4, 5])


def test_receipts_unsubscribing_and_the_end(relay, teller):
    """Each receipt comes after what it is for; a second subscription of the same order has a life of its own."""
    happen("order/ord_a", 1)
    ana = greeted(teller("ord_a"))
    ana.follow("ord_a", "0", receipt="r-0")
    assert {ana.hears()[0], ana.hears()[0]} == {"RECEIPT", "MESSAGE"}
    ana.follow("ord_a", "1")
    assert {ana.hears()[1]["subscription"], ana.hears()[1]["subscription"]} == {"0", "1"}
    ana.say("UNSUBSCRIBE", "id:0", "receipt:r-1")
    assert ana.hears()[:2] == ("RECEIPT", {"receipt-id": "r-1"})
    happen("order/ord_a", 2)
    command, headers, _body = ana.hears()
    assert (command, headers["subscription"]) == ("MESSAGE", "1")
    ana.say("DISCONNECT", "receipt:bye")
    assert ana.hears()[:2] == ("RECEIPT", {"receipt-id": "bye"})
    assert ana.closed_with() == 1000


def test_lets_in_by_key_and_by_ticket(relay, teller):
    """A mini-program sends no header of its own: the key goes into CONNECT, a ticket into the address."""
    happen("order/ord_k", 1)
    ticket = tickets.issue(Credential("key", "ord_k"))
    by_key = {"hello": ("accept-version:1.1,1.2", "login:ivy", "passcode:ord_k")}
    for shown in (by_key, {"query": f"?ticket={ticket}"}):
        ivy = greeted(teller(**shown))
        ivy.follow("ord_k")
        assert ivy.message()["version"] == 1


def test_nobody_learns_that_anothers_order_exists(relay, teller):
    """Another's and one that never was: the same ERROR, which names the frame that it answers."""
    happen("order/ord_b", 1)
    for ref in ("ord_b", "ord_never"):
        mallory = greeted(teller("ord_a"))
        mallory.follow(ref, receipt="r-9")
        command, headers, _body = mallory.hears()
        assert (command, headers) == ("ERROR", {"message": f"not_found\\c order/{ref}", "receipt-id": "r-9"})
        assert mallory.closed_with() == 4403


def test_a_right_taken_away_ends_the_line(relay, live, visit):
    happen("order/ord_a", 1)
    client = visit("ord_a")
    ana = greeted(Teller(live.port, client.session.session_key))
    ana.follow("ord_a")
    ana.message()
    client.session["guest_orders"] = []
    client.session.save()
    check_rights(live)
    command, headers, _body = ana.hears()
    assert (command, headers["message"]) == ("ERROR", "not_found\\c order/ord_a")
    assert ana.closed_with() == 4403


DOOR = [  # (headers of the first frame, its command, the address, what the ERROR says, the close code)
    (["accept-version:1.0,1.1"], "CONNECT", "", "only STOMP 1.2 is spoken here", 4400),
    ([], "STOMP", "", "only STOMP 1.2 is spoken here", 4400),
    (["id:0", "destination:/topic/orders/ord_a"], "SUBSCRIBE", "", "say CONNECT first", 4400),
    (["accept-version:1.2", "heart-beat:soon"], "CONNECT", "", "say CONNECT first", 4400),
    (["accept-version 1.2"], "CONNECT", "", "a frame is a command", 4400),
    (["accept-version:1.2"], "CONNECT", "?ticket=used", "this ticket was used", 4401),
]


def test_refuses_at_the_door_and_says_why(teller):
    for hello, first, query, words, code in DOOR:
        made = teller(hello=hello, first=first, query=query)
        command, headers, _body = made.hears()
        assert (command, headers["version"], made.closed_with()) == ("ERROR", "1.2", code)
        assert headers["message"].startswith(words)


NONSENSE = [
    "SEND\ndestination:/topic/orders/ord_a\n\nhello\0", "BEGIN\ntransaction:1\n\n\0", "SHOUT\n\n\0",
    "CONNECT\naccept-version:1.2\n\n\0", "SUBSCRIBE\nid:0\n\n\0", "SUBSCRIBE\ndestination:/topic/orders/ord_a\n\n\0",
    "SUBSCRIBE\nid:0\ndestination:/queue/x\n\n\0", "SUBSCRIBE\nid:0\ndestination:/topic/orders/ord_a\nafter:x\n\n\0",
    "SUBSCRIBE\nid:\\t\ndestination:/topic/orders/ord_a\n\n\0", "UNSUBSCRIBE\nid:7\n\n\0", "ACK\nid:x\n\n\0",
    "SUBSCRIBE\nid:0", "SUBSCRIBE\nno header\n\n\0", "\0", "garbage\0\0",
]  # fmt: skip


def test_answers_nonsense_with_an_error_and_hangs_up(relay, teller):
    """And nobody else feels it."""
    happen("order/ord_a", 1)
    other = greeted(teller("ord_a"))
    for said in NONSENSE:
        ana = greeted(teller("ord_a"))
        ana.socket.send(said)
        command, headers, _body = ana.hears()
        assert (command, bool(headers["message"]), ana.closed_with()) == ("ERROR", True, 4400), said
    other.follow("ord_a")
    assert other.message()["version"] == 1


def test_nobody_may_wait_for_ever_before_connecting(teller, monkeypatch):
    monkeypatch.setattr(stomp, "CONNECT_SECONDS", 0.05)
    made = teller(first="\n")
    assert made.closed_with() == 4400


def test_beats_both_ways(teller, live, monkeypatch):
    """Ours come while they are wanted; somebody who promised beats and is silent is hung up on."""
    monkeypatch.setattr(hub, "PING_SECONDS", 1)
    monkeypatch.setattr(stomp, "THEIR_BEAT_MS", 500)
    ana = greeted(teller("ord_a", hello=("accept-version:1.2", "heart-beat:500,1000")))
    assert ana.hears()[0] == ""
    ana.socket.send("\n")
    assert ana.closed_with() == 4408
    unwanted = greeted(teller("ord_a", hello=("accept-version:1.2",)))
    with pytest.raises(TimeoutError):
        unwanted.hears(timeout=2.2)


def test_a_stalled_program_is_told_to_begin_anew(relay, teller, live):
    """As on a socket: its queue is dropped, then the whole state comes."""
    happen("order/ord_a", 1)
    sleeper = greeted(teller("ord_a"))
    sleeper.follow("ord_a")
    sleeper.message()
    version = 1
    while not live.hub.overflows:
        version += 1
        assert version < 1_000
        happen("order/ord_a", version, data={"v": version, "fat": "x" * 60_000})
    while sleeper.message()["type"] != "resync":
        pass
    assert sleeper.message()["data"]["v"] == version
