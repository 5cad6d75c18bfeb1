"""The sink to try webhooks out with: repeats challenges, says whether a message is ours, answers as it is told."""

import json
import threading
import time
from importlib import import_module

import httpx
import pytest

from notifications.outside import signing

sink_command = import_module("config.management.commands.webhook-sink")


@pytest.fixture
def listening():
    """`listening(status=503)`: (address, what it printed) of a running sink."""
    running = []

    def start(secrets=(), **answers):
        said = []
        server = sink_command.serve(
            0, say=said.append, secrets=lambda: list(secrets), keep=lambda header: "", **answers
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/x", said

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


def post(address, document, secret="whsec_aGVsbG8="):
    body = json.dumps(document).encode()
    headers = signing.headers([secret], "msg_a", int(time.time()), body)
    return httpx.post(address, content=body, headers=headers, trust_env=False)


def test_repeats_a_challenge_whatever_else_it_is_told_to_answer(listening):
    address, _said = listening(status=503)
    answer = post(address, {"eventType": "webhook.challenge", "payload": {"challenge": "abc"}})
    assert (answer.status_code, answer.json()) == (200, {"challenge": "abc"})


def test_says_whether_it_is_ours(listening):
    secret, other = signing.new_secret(), signing.new_secret()
    address, said = listening(secrets=[other, secret])
    assert post(address, {"eventType": "order.paid"}, secret).status_code == 202
    assert post(address, {"eventType": "order.paid"}, signing.new_secret()).status_code == 202
    assert "signature verified" in said[0]
    assert '{"eventType": "order.paid"}' in said[0]
    assert "NOT VERIFIED: no signature fits" in said[1]


def test_says_that_it_knows_no_secret(listening):
    address, said = listening()
    post(address, {})
    assert "not checked" in said[0]


def test_answers_as_it_is_told(listening):
    address, _said = listening(status=410)
    assert post(address, {"eventType": "order.paid"}).status_code == 410


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"{}", b'{"eventType": 7}'])
def test_nothing_sent_breaks_it(listening, body):
    address, said = listening(secrets=[signing.new_secret()])
    assert httpx.post(address, content=body, trust_env=False).status_code == 202
    assert "NOT VERIFIED: a header is missing" in said[0]
