"""Killed at random points twenty times, the sender loses nothing and keeps each order's order."""

import os
import random
import subprocess
import sys
import time

import pytest
from django.db import connection

from config.ground import clock
from config.local import places
from notifications.models import Attempt, Message
from tests.notifications import sinks
from tests.notifications.webhook_world import all_settled, make_due, make_endpoint, number, tell, wait_for

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 20
ORDERS, VERSIONS = 12, 14


@pytest.fixture
def killable(settings, sink):
    """`start()` and `kill()` of a process that reads and sends."""
    there = sink()
    database = connection.settings_dict
    address = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    environment = os.environ | {
        "DATABASE_URL": address,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOCKSTEP_WEBHOOK_PRIVATE_HOSTS": there.host,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.notifications.sender_process"],
        cwd=places.PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def say(word):
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    yield there, say
    process.stdin.close()
    process.wait(timeout=20)


def lapse():
    """Let every lease run out, as half a minute does."""
    return Message.objects.exclude(sending_until=None).update(next_at=clock.now(), sending_until=None)


def test_nothing_is_lost_and_no_order_overtaken(killable):
    there, say = killable
    dice = random.Random(20261121)

    def slow_at_times(sink, line, got):
        time.sleep(dice.choice([0, 0.002, 0.02]))
        line.sendall(sinks.answer(dice.choice([202, 202, 202, 500])))

    there.behave = slow_at_times
    make_endpoint(there.url)
    caught = 0
    for version in range(1, VERSIONS + 1):
        for ref in range(ORDERS):
            tell(f"ord_{ref}", version)
    number()
    for _round in range(KILLS):
        seen = len(there.got)
        say("start")
        wait_for(lambda seen=seen: len(there.got) > seen, seconds=20)
        time.sleep(dice.uniform(0, 0.05))
        say("kill")
        caught += lapse()
        make_due()
    assert caught >= KILLS / 2  # the kills really hit messages on their way
    there.behave = sinks.well
    say("start")
    wait_for(lambda: make_due() or (Message.objects.count() == ORDERS * VERSIONS and all_settled()), seconds=60)
    say("kill")
    assert set(Message.objects.values_list("state", flat=True)) == {"DONE"}
    assert there.first_sequences() == {f"ord_{ref}": list(range(1, VERSIONS + 1)) for ref in range(ORDERS)}
    bodies = {}
    for got in there.got:
        assert bodies.setdefault(got.headers["webhook-id"], got.body) == got.body
    assert len(bodies) == ORDERS * VERSIONS
    assert len(there.got) >= Attempt.objects.count()
