"""One command brings everything up, or says in one line what stands in the way."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from bench.stand import free_port
from config.local import envfile, places, postgres, redis, stack, table
from config.local.places import CannotStart
from config.local.services import Services

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A state folder of its own and ports nobody uses."""
    for name in ("DATABASE_URL", "REDIS_URL", "LOCKSTEP_BROKER_URL", "LOCKSTEP_PUBLIC_URL", "MAKELEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOCKSTEP_STATE", str(tmp_path / "state"))
    for name in ("LOCKSTEP_PORT", "LOCKSTEP_WEB_PORT", "LOCKSTEP_SIMULATOR_PORT"):
        monkeypatch.setenv(name, str(free_port()))
    return tmp_path / "state"


def said(capsys):
    assert stack.main() == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


def test_says_that_a_port_is_taken_and_how_to_choose_another(state, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(os.environ["LOCKSTEP_PORT"])))
        other.listen()
        line = said(capsys)
    assert f"port {os.environ['LOCKSTEP_PORT']} is taken" in line
    assert "LOCKSTEP_PORT=" in line


def test_says_that_a_port_is_no_number(state, capsys, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_PORT", "http")
    assert "LOCKSTEP_PORT='http' is not a whole number" in said(capsys)


def test_says_that_there_is_no_room(state, capsys, monkeypatch):
    monkeypatch.setattr(places, "LEAST_FREE_BYTES", 2**60)
    assert "make room, or set LOCKSTEP_STATE" in said(capsys)


def test_says_that_the_folder_cannot_be_written(state, capsys, monkeypatch):
    state.write_text("a file where the folder should be")
    assert "cannot be written" in said(capsys)


def test_says_who_runs_here_already(state, capsys):
    with places.lock(state / "running.lock"):
        assert f"process {os.getpid()} uses {state} already" in said(capsys)


def test_says_that_no_redis_fits(state, capsys, monkeypatch):
    monkeypatch.setattr(redis, "OLDEST", (99, 0))
    assert "set REDIS_URL" in said(capsys)


def test_says_that_no_postgres_fits(state, capsys, monkeypatch):
    monkeypatch.setattr(postgres.importlib.util, "find_spec", lambda name: None)
    assert "set DATABASE_URL" in said(capsys)


def test_says_that_root_cannot_run_postgres_here(state, capsys, monkeypatch):
    monkeypatch.setattr(postgres.os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "_works", lambda words: False)
    monkeypatch.setattr(postgres, "guise", postgres.guise.__wrapped__)
    monkeypatch.setattr(postgres, "program", Path)
    assert "PostgreSQL refuses to run as root" in said(capsys)


def test_keeps_what_an_earlier_run_sealed_with(tmp_path):
    first = envfile.rewrite(tmp_path / "env", {"DATABASE_URL": "postgresql://one"})
    second = envfile.rewrite(tmp_path / "env", {"DATABASE_URL": "postgresql://two"})
    assert second == envfile.read(tmp_path / "env")
    assert {first[name] for name in envfile.SECRETS} == {second[name] for name in envfile.SECRETS}
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600
    assert second["DATABASE_URL"] == "postgresql://two"


def test_uses_services_that_are_given(state, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@db/shop")
    monkeypatch.setenv("REDIS_URL", "redis://cache/3")
    plan = stack.ask()
    assert table.services(plan) == []
    told = stack.addresses(plan)
    assert told["DATABASE_URL"] == "postgresql://me@db/shop"
    assert told["LOCKSTEP_BROKER_URL"] == told["REDIS_URL"] == "redis://cache/3"


def test_closes_the_door_first_and_the_services_last(state):
    plan = stack.ask()
    tiers = {program.name: program.tier for program in [*table.services(plan), *table.application(plan)]}
    assert [name for name, tier in tiers.items() if tier == table.DOOR] == ["live"]
    assert {name for name, tier in tiers.items() if tier == table.SERVICES} == {"postgres", "redis"}


def test_socket_paths_fit_into_107_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(places.tempfile, "tempdir", str(tmp_path / ("deep/" * 20)))
    folder = places.socket_folder(tmp_path)
    assert len(str(folder / ".s.PGSQL.5432.lock")) <= places.SOCKET_PATH_LIMIT
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()


def test_refuses_a_socket_folder_that_is_a_link(tmp_path):
    folder = places.socket_folder(tmp_path)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(CannotStart, match="belongs to someone else"):
        places.socket_folder(tmp_path)
    folder.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a guise")
@pytest.mark.parametrize("words", [postgres.IN_NAMESPACE, postgres.AS_NOBODY], ids=["namespace", "nobody"])
def test_root_can_run_postgres_in_each_guise(tmp_path, monkeypatch, words):
    """Each guise alone, and the second on the folder that the first made."""
    if not postgres._works(words):
        pytest.skip("switched off on this machine")
    for guise in (words, postgres.AS_NOBODY, postgres.IN_NAMESPACE):
        monkeypatch.setattr(postgres, "guise", lambda guise=guise: guise)
        services = Services(tmp_path, durable=False)
        with psycopg.connect(services.start_postgres()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        services.stop()


COMMAND = """
import os, sys
from pathlib import Path
sys.argv = ["manage.py", *sys.argv[1:]]
from config.local import attach
attach.load(Path(os.environ["LOCKSTEP_STATE"]))
import psycopg
database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
database.execute("SELECT pg_advisory_lock(1)")  # or the table is made twice
database.execute("CREATE TABLE IF NOT EXISTS seen (name text)")
database.execute("INSERT INTO seen VALUES (%s)", [sys.argv[1]])
database.execute("SELECT pg_advisory_unlock(1)")
names = [row[0] for row in database.execute("SELECT name FROM seen ORDER BY name")]
print(os.environ["LOCKSTEP_SECRET_KEY"][:8], *names, flush=True)
sys.stdin.read()
database.execute("SELECT 1")
"""


def command(name):
    words = [sys.executable, "-c", COMMAND, name]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_command_starts_what_it_needs_and_a_second_one_shares_it(state):
    """The services stop with the last of the commands that use them; data and secrets stay."""
    first = command("a")
    secret, *names = first.stdout.readline().split()
    assert names == ["a"]
    second = command("b")
    assert second.stdout.readline().split() == [secret, "a", "b"]
    first.stdin.close()
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(0.3)
    second.communicate("")
    assert (first.wait(60), second.returncode) == (0, 0)
    assert not postgres.is_ready(postgres.url(places.socket_folder(state)))
    third = command("c")
    assert third.stdout.readline().split() == [secret, "a", "b", "c"]
    third.send_signal(signal.SIGTERM)
    third.stdin.close()  # Python hears a signal that comes just before a blocking read only when the read returns
    assert third.wait(60) == 143
    assert not postgres.is_ready(postgres.url(places.socket_folder(state)))


def test_commands_that_start_at_once_share_what_one_of_them_starts(state):
    """None waits for the end of the one that was first, which itself waits for the end of all others."""
    commands = [command(name) for name in ("a", "b", "c")]
    secrets = {each.stdout.readline().split()[0] for each in commands}
    assert len(secrets) == 1
    for each in commands:
        each.stdin.close()
    assert [each.wait(60) for each in commands] == [0, 0, 0]
    assert not postgres.is_ready(postgres.url(places.socket_folder(state)))
