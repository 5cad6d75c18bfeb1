"""Strangers who drip, flood, stall, lie and shout cost the others nothing, and each is told or cut off."""

import base64
import logging
import os
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from notifications.live import server, tickets, web
from notifications.live.person import Credential
from tests.notifications.conftest import Client, LiveServer, happen, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
CONT, TEXT, BINARY, PING = 0, 1, 2, 9


def dial(port):
    line = socket.create_connection(("127.0.0.1", port), timeout=5)
    line.settimeout(5)
    return line


def handshake(port, *, path="/live/ws", **more):
    """A line on which WebSocket frames may be written byte by byte, and the head that opened it."""
    line = dial(port)
    heads = {
        "Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": "lockstep.v1",
    } | more  # fmt: skip
    line.sendall(f"GET {path} HTTP/1.1\r\n".encode() + b"".join(f"{k}: {v}\r\n".encode() for k, v in heads.items()))
    line.sendall(b"\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = line.recv(1)
        if not byte:
            break
        head += byte
    return line, head


def frame(kind, payload=b"", *, last=True, reserved=0, claims=None):
    """One masked frame; `claims`: the length that it announces."""
    length = len(payload) if claims is None else claims
    size = bytes([0x80 | length]) if length < 126 else bytes([0x80 | 127]) + struct.pack("!Q", length)
    return bytes([(0x80 if last else 0) | reserved | kind]) + size + b"\0\0\0\0" + payload


def said(line):
    """Everything until the other end hangs up, or says that it will."""
    heard = b""
    with suppress(ConnectionResetError):
        while code_of(heard) is None and (piece := line.recv(65_536)):
            heard += piece
    return heard


def code_of(heard):
    """The close code among these frames, None as long as there is none."""
    while len(heard) > 1 and heard[:1] in {b"\x81", b"\x88", b"\x89", b"\x8a"}:
        size, head = heard[1], 2
        if size == 126:
            size, head = struct.unpack("!H", heard[2:4])[0], 4
        if heard[0] == 0x88 and len(heard) >= head + 2:
            return struct.unpack("!H", heard[head : head + 2])[0]
        heard = heard[head + size :]
    return None


@pytest.fixture
def good(visit):
    """Somebody who only wants to see their order; checked afterwards."""
    ana = visit("ord_a")
    ana.say(type="ping")
    assert ana.hear()["type"] == "pong"
    yield ana
    ana.say(type="ping")
    assert ana.hear()["type"] == "pong"


@pytest.mark.parametrize("begun", [b"", b"GET /live/ws HTTP/1.1\r\nHost: x\r\n"], ids=["silence", "half_a_head"])
def test_a_head_that_does_not_come_is_not_waited_for(live, good, monkeypatch, begun):
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    with closing(dial(live.port)) as line:
        line.sendall(begun)
        assert said(line) == b""


def test_a_second_request_on_the_line_must_come_in_time_too(live, good, monkeypatch):
    with closing(dial(live.port)) as line:
        line.sendall(b"GET /live/nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"404" in line.recv(65_536)
        monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
        line.sendall(b"GET /live/noth")
        assert said(line) == b""


@pytest.mark.parametrize("endless", [b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000])
def test_a_head_without_end_is_refused(live, good, endless):
    with closing(dial(live.port)) as line:
        line.sendall(endless)
        assert said(line).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("length", [9_000, 30_000])
def test_a_long_address_of_a_socket_is_refused(live, good, caplog, length):
    line, head = handshake(live.port, path="/live/ws?ticket=" + "a" * length)
    with closing(line):
        assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
        assert said(line) == b""
    assert "Traceback" not in caplog.text


def test_a_body_that_drips_is_not_waited_for(live, good, monkeypatch):
    monkeypatch.setattr(web, "BODY_SECONDS", 0.3)
    with closing(dial(live.port)) as line:
        line.sendall(b"POST /live/ack HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\nConnection: close\r\n\r\n{")
        heard = said(line)
    assert heard.startswith(b"HTTP/1.1 408 ")


def test_a_great_frame_is_refused_by_its_announcement(live, good):
    """Before a byte of it has come, so nobody makes us keep it."""
    line, _head = handshake(live.port)
    with closing(line):
        line.sendall(frame(TEXT, claims=1_000_000))
        assert code_of(said(line)) == 1009


def test_fragments_without_end_are_refused(live, good):
    """A size never stops empty ones."""
    line, _head = handshake(live.port)
    with closing(line):
        line.sendall(frame(TEXT, last=False) + frame(CONT, last=False) * 200)
        assert code_of(said(line)) == 1009


def test_nothing_is_compressed(live, good):
    line, head = handshake(live.port, **{"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"})
    with closing(line):
        assert b"101" in head
        assert b"xtensions" not in head
        line.sendall(frame(TEXT, b"\xaa", reserved=0x40))
        assert code_of(said(line)) == 1002


@pytest.mark.parametrize(
    "bytes_", [b"\xff" * 40, b"\x00" * 40, b"GET / HTTP/1.1\r\n\r\n"], ids=["ones", "zeros", "http"]
)
def test_garbage_is_refused(live, good, bytes_):
    line, _head = handshake(live.port)
    with closing(line):
        line.sendall(bytes_)
        assert code_of(said(line)) in {1002, 1009}


def test_who_asks_for_answers_without_reading_them_is_cut_off(live, good):
    line, _head = handshake(live.port)
    with closing(line):
        wait_for(lambda: len(live.hub.connections) == 2)
        with pytest.raises(OSError, match=r"reset|[Bb]roken|aborted"):
            line.sendall(frame(PING, b"x" * 125) * 200_000)
    wait_for(lambda: len(live.hub.connections) == 1)


def test_who_never_answers_a_ping_is_cut_off(transactional_db):
    live = LiveServer(ws_ping_interval=0.2, ws_ping_timeout=0.2)
    try:
        line, _head = handshake(live.port)
        wait_for(lambda: live.hub.connections)
        wait_for(lambda: not live.hub.connections)
        assert code_of(said(line)) == 1011
        line.close()
    finally:
        live.stop()


@pytest.mark.parametrize("door", ["ws", "sse"])
def test_who_takes_nothing_any_more_is_given_up(live, relay, good, monkeypatch, door):
    """A peer that is gone without a word, or only looks alive: the kernel ends the line, our place is free again."""
    monkeypatch.setattr(server, "UNHEARD_MS", 1_000)
    happen("order/ord_a", 1)
    cookie = f"sessionid={good.session.session_key}"
    if door == "ws":
        line, _head = handshake(live.port, Cookie=cookie)
        line.sendall(frame(TEXT, b'{"type":"subscribe","topic":"order/ord_a"}'))
    else:
        line = dial(live.port)
        line.sendall(f"GET /live/sse?topic=order/ord_a HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
    with closing(line):
        wait_for(lambda: sum(len(one.subscriptions) for one in live.hub.connections) == 1)
        version = 1
        while len(live.hub.connections) == 2:
            version += 1
            assert version < 2_000, "it was never given up"
            happen("order/ord_a", version, data={"fat": "x" * 60_000})
    assert version > 30, "it had not stalled yet"


def test_words_before_anybody_was_let_in_are_not_heard(live, good):
    """Even when they come in the moment after the handshake, before the ticket was looked at."""
    line, _head = handshake(live.port, path="/live/ws?ticket=wrong")
    with closing(line):
        line.sendall(frame(TEXT, b'{"type":"subscribe","topic":"order/ord_a"}') * 3)
        heard = said(line)
    assert code_of(heard) == 4401
    assert b"topic" not in heard


def test_ten_thousand_wishes_on_one_socket_end_it(live, good):
    greedy = Client(live.port, session=good.session.session_key)
    with suppress(ConnectionClosed):  # it may hang up before we have said everything
        for number in range(10_000):
            greedy.follow(f"order/ord_{number}")
    assert greedy.closed_with() == (1013, "too many messages")
    wait_for(lambda: len(live.hub.connections) == 1)
    assert not live.hub._rooms


@pytest.mark.parametrize("door", ["sse", "poll"])
def test_ten_thousand_topics_in_an_address_are_refused(live, good, caplog, door):
    many = "&".join(f"topic=a/{number}" for number in range(2_000))
    answer = httpx.get(f"http://127.0.0.1:{live.port}/live/{door}?{many}", trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert "Traceback" not in caplog.text


def test_many_parameters_of_a_socket_are_refused(live, good):
    assert Client(live.port, path="/live/ws?" + "&".join(["a=1"] * 500)).closed_with()[0] == 4400


@pytest.mark.parametrize(
    ("heads", "status"),
    [
        ({"Origin": "http://["}, 403),
        ({"Origin": "null"}, 403),
        ({"Cookie": 'sessionid="abcdefgh\\000\\000"'}, 404),
        ({"Cookie": "sessionid=" + "a" * 4_000}, 404),
        ({"Cookie": "sessionid=\xff\xfe; ;;=;"}, 404),
        ({"Last-Event-ID": "\xff"}, 400),
    ],
    ids=["origin_no_address", "origin_null", "nul_in_cookie", "long_cookie", "no_text_cookie", "last_id"],
)
def test_heads_that_make_no_sense_are_no_fault_of_ours(live, good, caplog, heads, status):
    raw = [(name.encode(), value.encode("latin-1")) for name, value in heads.items()]
    with httpx.Client(trust_env=False) as http:
        answer = http.get(f"http://127.0.0.1:{live.port}/live/poll?topic=order/x&wait=1", headers=raw)
        if b"Last" in raw[0][0]:
            answer = http.get(f"http://127.0.0.1:{live.port}/live/sse?topic=order/x", headers=raw)
    assert answer.status_code == status
    assert "Traceback" not in caplog.text


def test_a_ticket_shown_by_many_at_once_lets_in_one(live, good):
    ticket = tickets.issue(Credential("session", good.session.session_key))
    start = threading.Barrier(8)

    def show(_number):
        start.wait()
        client = Client(live.port, path=f"/live/ws?ticket={ticket}")
        try:
            client.say(type="ping")
            return client.hear(passing=("welcome",))["type"]
        except ConnectionClosed as closed:
            return closed.rcvd.code
        finally:
            client.socket.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(map(str, pool.map(show, range(8)))) == ["4401"] * 7 + ["pong"]


def test_a_ticket_may_come_where_no_log_of_addresses_has_it(live, relay, good):
    """As a second subprotocol, because a browser's socket can send no header; the answer names only the first."""
    happen("order/ord_a", 1)
    ticket = tickets.issue(Credential("session", good.session.session_key))
    client = Client(live.port, subprotocols=("lockstep.v1", f"ticket.{ticket}"))
    assert client.socket.subprotocol == "lockstep.v1"
    client.follow("order/ord_a")
    assert client.hear()["type"] == "snapshot"
    client.socket.close()
    assert Client(live.port, subprotocols=("lockstep.v1", f"ticket.{ticket}")).closed_with()[0] == 4401


def test_no_ticket_is_written_down(live, good, caplog):
    """A log is read by more people than a ticket is meant for."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("uvicorn.error").setLevel(server.OPTIONS["log_level"].upper())
    ticket = tickets.issue(Credential("session", good.session.session_key))
    Client(live.port, path=f"/live/ws?ticket={ticket}").socket.close()
    httpx.get(f"http://127.0.0.1:{live.port}/live/poll?topic=order/x&ticket={ticket}", trust_env=False)
    ours = [
        record for record in caplog.records if not record.name.startswith(("httpcore", "httpx", "websockets.client"))
    ]
    assert not [record for record in ours if ticket in record.getMessage()]


def test_following_the_same_again_and_again_leaves_one_follower(live, relay, good):
    happen("order/ord_a", 1)
    for _ in range(100):
        good.follow("order/ord_a")
    wait_for(lambda: live.hub.shares.topics)
    good.say(type="ping")
    while good.hear()["type"] != "pong":
        pass
    assert sum(len(group) for room in live.hub._rooms.values() for group in room.values()) == 1
    assert set(live.hub.shares.topics.values()) == {1}
    for _ in range(60):
        good.follow("order/ord_a")
        good.say(type="unsubscribe", topic="order/ord_a")
    good.say(type="ping")
    while good.hear()["type"] != "pong":
        pass
    assert not live.hub._rooms
    assert not live.hub.shares.topics


def test_acknowledging_again_or_what_never_was_counts_nothing(live, relay, good):
    happen("order/ord_a", 1)
    good.follow("order/ord_a")
    good.hear()
    happen("order/ord_a", 2)
    position = good.hear()["position"]
    for _ in range(5):
        good.say(type="ack", position=position)
    good.say(type="ack", position=2**53 - 1)
    good.say(type="ping")
    good.hear()
    assert len(live.hub.sync_seconds) == 1
    assert next(iter(live.hub.connections)).acked == live.hub.reached
