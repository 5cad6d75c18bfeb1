"""A live server that is told to go says when to come back, closes every line with a code, and is gone in seconds."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from django.db import connection

from bench.stand import free_port
from config.local import places
from notifications.live.person import Person
from tests.notifications.conftest import Client, LiveServer, happen, wait_for
from tests.notifications.test_live_hostile import frame, handshake, said
from tests.notifications.test_transports import Stream

pytestmark = pytest.mark.django_db(transaction=True)
LOOKER = Person(1, "usr_a", guest_orders=frozenset({"ord_a"}))


@pytest.fixture
def process(noodles):
    """`manage.py live` as the stack starts it, and its port."""
    port = free_port()
    database = connection.settings_dict
    address = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    words = [sys.executable, "manage.py", "live", "--port", str(port)]
    child = subprocess.Popen(words, cwd=places.PROJECT, env=os.environ | {"DATABASE_URL": address})
    child.port = port
    wait_for(lambda: child.poll() is None and answers(port), seconds=60)
    yield child
    child.kill()
    child.wait()


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/live/nothing", trust_env=False).status_code == 404
    except httpx.TransportError:
        return False


def test_on_sigterm_every_client_is_told_and_the_process_ends(process, noodles):
    """Also when some of them read nothing, are half-way through a head or a body, or never answer a close."""
    topic, port = f"shop/{noodles.shop.public_id}", process.port
    ana = Client(port)
    ana.follow(topic)
    assert ana.hear()["type"] == "snapshot"
    deaf, _head = handshake(port)
    deaf.sendall(frame(1, json.dumps({"type": "subscribe", "topic": topic}).encode()))
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    slow[0].sendall(b"GET /live/ws HTTP/1.1\r\nHost: x\r\n")
    slow[1].sendall(b"POST /live/ack HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n{")
    cursor = httpx.get(f"http://127.0.0.1:{port}/live/poll?topic={topic}", trust_env=False).json()["position"]
    poll = socket.create_connection(("127.0.0.1", port), timeout=10)
    poll.sendall(f"GET /live/poll?topic={topic}&after={cursor} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    stream = Stream(port, "", topic)
    assert stream.hear()["type"] == "snapshot"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert ana.hear() == {"type": "reconnect", "within_ms": 4_000}
    assert stream.hear() == {"type": "reconnect", "within_ms": 4_000}
    assert stream.hear()["code"] == 1012
    assert stream.hear() is None
    assert ana.closed_with()[0] == 1012
    assert b'"frames":[]' in said(poll)
    assert process.wait(timeout=10) in {0, -signal.SIGTERM}
    assert time.monotonic() - began < 6
    for line in (deaf, poll, *slow):
        line.close()


def test_nobody_new_is_let_in_while_it_goes(live, visit):
    ana = visit("ord_a")
    ana.say(type="ping")
    ana.hear()
    live.hub.is_going = True
    assert Client(live.port).closed_with()[0] == 1012
    refused = httpx.get(f"http://127.0.0.1:{live.port}/live/poll?topic=order/ord_a", trust_env=False)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    ana.say(type="ping")
    assert ana.hear()["type"] == "pong"


def test_whoever_reads_nothing_does_not_hold_it_up(relay, transactional_db):
    """Its frames fill the server's buffer, which would wait for ever to be emptied."""
    live = LiveServer(people={"session": lambda _key: LOOKER})
    line, _head = handshake(live.port)
    happen("order/ord_a", 1)
    line.sendall(frame(1, b'{"type":"subscribe","topic":"order/ord_a"}'))
    version = 1
    while not live.hub.overflows:
        version += 1
        assert version < 1_000, "it never stalled"
        happen("order/ord_a", version, data={"fat": "x" * 60_000})
    began = time.monotonic()
    live.stop()
    assert time.monotonic() - began < 6
    line.close()
