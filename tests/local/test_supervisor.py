"""Whatever ends first, nothing is left running, and what ends by itself comes back."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from config.local import postgres, processes
from config.local.services import Services

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent

# notes its pid, says it is ready, and sleeps; {extra} runs before that
SLEEPER = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1]); name = os.environ["LOCKSTEP_PROCESS"]
def note(what):
    (folder / (what + ".new")).write_text(str(os.getpid())); (folder / (what + ".new")).rename(folder / what)
{extra}
note(name + ".ready")
while True: time.sleep(60)
"""
# leaves a grandchild in the same session that ignores every polite signal
STUBBORN = """
if os.fork() == 0:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
    note("grandchild"); time.sleep(3600)
while not (folder / "grandchild").exists(): time.sleep(0.005)
"""
LAST_WORD = """
def leave(*_):
    with (folder / "order").open("a") as log: log.write(name + "\\n")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
"""


def sleeper(name, extra="", **more):
    return {"name": name, "code": SLEEPER.replace("{extra}", extra), **more}


def is_alive(pid):
    return processes._table().get(pid, ("Z", 0, 0))[0] not in "ZX"


def eventually(condition):
    assert processes.wait_until(condition, seconds=20)


@pytest.fixture
def supervised(tmp_path):
    """Starts a supervisor with the programs; at the end of the test none of theirs may live."""
    started = []

    def start(*programs):
        words = [sys.executable, str(HERE / "supervised.py"), str(tmp_path), json.dumps(programs)]
        environment = os.environ | {"PYTHONPATH": str(PROJECT)}
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def pid_of(folder, name):
    return int((folder / name).read_text())


def test_leaves_nothing_when_it_is_killed(supervised, tmp_path):
    """kill -9 of the supervisor ends its children and a grandchild that ignores every polite signal."""
    process, said = supervised(sleeper("one"), sleeper("two", STUBBORN))
    assert said == "up"
    pids = [pid_of(tmp_path, name) for name in ("one.ready", "two.ready", "grandchild")]
    assert all(map(is_alive, pids))
    process.kill()
    eventually(lambda: not any(map(is_alive, pids)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stops_cleanly_when_asked(supervised, tmp_path, number):
    process, _ = supervised(sleeper("one"), sleeper("two", STUBBORN))
    pids = [pid_of(tmp_path, name) for name in ("one.ready", "two.ready", "grandchild")]
    process.send_signal(number)
    assert process.wait(20) == 0
    assert not any(map(is_alive, pids))


def test_stops_the_door_first_and_the_services_last(supervised, tmp_path):
    process, _ = supervised(
        sleeper("service", LAST_WORD, tier=0), sleeper("page", LAST_WORD, tier=1), sleeper("door", LAST_WORD, tier=2)
    )
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert (tmp_path / "order").read_text().split() == ["door", "page", "service"]


def test_starts_again_what_ended_without_its_leftovers(supervised, tmp_path):
    process, _ = supervised(sleeper("two", STUBBORN))
    first, grandchild = pid_of(tmp_path, "two.ready"), pid_of(tmp_path, "grandchild")
    (tmp_path / "grandchild").unlink()
    os.kill(first, signal.SIGKILL)
    assert "two ended (-9), starting again in 0.5 s" in process.stdout.readline()
    eventually(lambda: pid_of(tmp_path, "two.ready") != first)
    assert not is_alive(grandchild)
    assert is_alive(pid_of(tmp_path, "two.ready"))


def test_waits_longer_each_time_for_what_keeps_ending(supervised):
    process, _ = supervised({"name": "hasty", "code": SLEEPER.replace("{extra}", 'note("hasty.ready"); sys.exit(3)')})
    pauses = [float(process.stdout.readline().split()[-2]) for _ in range(2)]
    assert pauses == [0.5, 1.0]


def test_ends_a_grandchild_that_left_its_session_and_lost_its_parent(supervised, tmp_path):
    """The kernel gives such orphans to the supervisor, which ends them."""
    runaway = """
if os.fork() == 0:
    os.setsid(); note("runaway"); time.sleep(3600)
while not (folder / "runaway").exists(): time.sleep(0.005)
"""
    supervised(sleeper("one", runaway))
    pid = pid_of(tmp_path, "runaway")
    os.kill(pid_of(tmp_path, "one.ready"), signal.SIGKILL)
    eventually(lambda: not is_alive(pid))


def test_says_why_a_program_did_not_start(supervised, tmp_path):
    process, said = supervised(
        sleeper("fine"), {"name": "broken", "code": "raise SystemExit('no paper in the printer')"}
    )
    assert said.startswith("broken did not start: no paper in the printer (see ")
    assert process.wait(20) == 0
    assert not is_alive(pid_of(tmp_path, "fine.ready"))


def test_postgres_leaves_no_session_when_its_starter_is_killed(tmp_path):
    """The server ends with the process that started it, and so do the sessions it serves."""
    code = (
        "import sys, pathlib, time\nfrom config.local.services import Services\n"
        "print(Services(pathlib.Path(sys.argv[1]), durable=False).start_postgres(), flush=True)\ntime.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    words = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        address = process.stdout.readline().strip()
        session = psycopg.connect(address)
        pids = [row[0] for row in session.execute("SELECT pid FROM pg_stat_activity")]
        pids.append(int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0]))
        assert len(pids) > 3
        process.kill()
        eventually(lambda: not any(map(is_alive, pids)))
        session.close()
    assert not postgres.is_ready(address)


def test_services_stop_and_start_again_with_their_data(tmp_path):
    services = Services(tmp_path, durable=True)
    with psycopg.connect(services.start_postgres()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS it")
    services.stop()
    with psycopg.connect(services.start_postgres()) as connection:
        assert connection.execute("SELECT it FROM kept").fetchone() == (7,)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    services.stop()
