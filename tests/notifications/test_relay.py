"""`manage.py relay` is two processes with one life: the sequencer's, and the one of whatever comes after it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from config.local import places
from notifications.log.models import ReaderCursor
from tests.notifications.conftest import happen, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def living(parent):
    """The child of a process, while it lives."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[0]) if children else 0


def is_alive(pid):
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] not in "ZX"


@pytest.fixture
def relay(tmp_path):
    """(the process, its child's id, what it said), with the child reading already."""
    database = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    said = tmp_path / "relay.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "relay"], cwd=places.PROJECT, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(lambda: process.poll() is not None or living(process.pid), 60)
        happen("order/ord_first", 1)
        wait_for(lambda: ReaderCursor.objects.filter(name="refunds", position__gte=1).exists(), 60)
        yield process, living(process.pid), said
    finally:
        process.kill()
        process.wait()


def test_ends_cleanly_when_told_to(relay):
    process, child, said = relay
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not is_alive(child)
    assert "Traceback" not in said.read_text()


def test_whichever_half_is_killed_the_other_one_ends_too(relay):
    process, child, _said = relay
    os.kill(child, signal.SIGKILL)
    assert process.wait(30) == 1


def test_a_killed_sequencer_takes_its_readers_along(relay):
    process, child, _said = relay
    process.kill()
    process.wait()
    wait_for(lambda: not is_alive(child), 10)
