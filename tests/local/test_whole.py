"""The real stack, once: one address answers, Ctrl-C stops everything, and so does killing the supervisor."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bench.stand import free_port
from config.local import envfile, processes
from tests import tables

PROJECT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


def family(root):
    """Everything that descends from the process, itself included."""
    table = processes._table()
    found = {root}
    while more := {pid for pid, (_, parent, _) in table.items() if parent in found} - found:
        found |= more
    return found


def living(pids):
    table = processes._table()
    return {pid for pid in pids if table.get(pid, ("Z", 0, 0))[0] not in "ZX"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Starts the stack on one state folder; the second start finds everything prepared."""
    folder = tmp_path_factory.mktemp("whole")
    environment = tables.outside_world() | {"LOCKSTEP_STATE": str(folder)}
    ports = {name: str(free_port()) for name in ("LOCKSTEP_PORT", "LOCKSTEP_WEB_PORT", "LOCKSTEP_SIMULATOR_PORT")}
    running = []

    def start():
        words = [sys.executable, "-m", "config.local"]
        process = subprocess.Popen(
            words,
            cwd=PROJECT,
            env=environment | ports,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        said = process.stdout.readline() + process.stdout.readline()
        assert f"Lockstep is at http://localhost:{ports['LOCKSTEP_PORT']}" in said, said
        return process, f"http://localhost:{ports['LOCKSTEP_PORT']}", folder

    yield start
    for process in running:
        process.kill()
        process.communicate()


def status(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_one_address_answers_and_a_killed_supervisor_leaves_nothing(stack):
    process, address, folder = stack()
    assert status(address + "/") == 200
    known = envfile.read(folder / "env")
    assert known["LOCKSTEP_PUBLIC_URL"] == address
    assert known["DATABASE_URL"].startswith("postgresql://")
    pids = family(process.pid)
    assert len(pids) > 12
    process.kill()
    assert processes.wait_until(lambda: not living(pids), seconds=30)


def test_starts_again_at_once_after_a_kill_and_stops_cleanly(stack):
    process, address, _ = stack()
    assert status(address + "/") == 200
    pids = family(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    # the guard ends by itself a moment after the supervisor that it watched
    assert processes.wait_until(lambda: not living(pids), seconds=10), living(pids)
    assert "nothing left running" in process.stdout.read()


def test_a_page_survives_the_death_of_its_server_and_of_the_database(stack):
    """What is killed comes back by itself; nobody sees more than a short apology."""
    process, address, folder = stack()
    postmaster = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)

    def is_back():
        note = folder / "postgres" / "postmaster.pid"
        return note.exists() and int(note.read_text().split()[0]) != postmaster and status(address + "/") == 200

    assert processes.wait_until(is_back, seconds=60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
