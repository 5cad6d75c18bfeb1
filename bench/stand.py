"""The stage of the measurements: PostgreSQL (fsync on), Redis and our servers in a state folder of the bench's own."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import redis

from config.local import envfile, places, processes, table
from config.local.catalogues import compile_catalogues
from config.local.places import CannotStart
from config.local.services import Services
from config.local.supervisor import Program

STATE = places.PROJECT / ".lockstep" / "bench"
UNLIMITED = {  # the throttles stay in the path, they only never say no
    "LOCKSTEP_API_READS": "60000000",
    "LOCKSTEP_API_WRITES": "60000000",
    "LOCKSTEP_API_WRITE_BURST": "1000000",
    "LOCKSTEP_LIVE_PER_ACCOUNT": "100000",
    "LOCKSTEP_LIVE_PER_ADDRESS": "100000",
    "LOCKSTEP_LIVE_TOPICS_PER_ACCOUNT": "1000000",
    "LOCKSTEP_LIVE_TOPICS_PER_ADDRESS": "1000000",
    "LOCKSTEP_LIVE_CONNECTS_PER_ACCOUNT": "10000000",
    "LOCKSTEP_LIVE_CONNECTS_PER_ADDRESS": "10000000",
}
TICK = os.sysconf("SC_CLK_TCK")
OPEN_FILES = 8192


class Stand:
    """Everything started inside `with` is ended by its end. The database is made anew each time."""

    def __init__(
        self, *, seconds: float, size: float = 1.0, rounds: int = 1, sockets: float = 1.0, state: Path = STATE
    ) -> None:
        self.seconds = seconds
        self.size = size  # of the crowds
        self.rounds = rounds  # of limit, ours, peer, limit, where a target has several
        self.share = sockets  # of the sockets
        self.state = state
        self.web_port, self.live_port = free_port(), free_port()
        self.environment: dict[str, str] = {}
        self._services = Services(state, durable=True)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = places.lock(state / "lock")

    def __enter__(self) -> Self:
        """Start the services, make the tables, point this process at them. Raises CannotStart."""
        if self._lock is None:
            raise CannotStart(f"another bench is running in {self.state}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        self._services.forget_data()
        try:
            self._prepare()
        except BaseException:
            self._services.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End whatever runs."""
        for name in list(self._children):
            self.stop(name)
        self._services.stop()

    def start(self, name: str, **environment: str) -> None:
        """Start one program of config/local/table.py (web, live, relay) exactly as shipped."""
        program = self._program(name)
        self.start_words(name, program.words, program.ready, **environment)

    def words(self, name: str) -> tuple[str, ...]:
        """The command line of that program."""
        return self._program(name).words

    def start_words(
        self, name: str, words: tuple[str, ...], ready: processes.Condition, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start any program and wait until it is ready. Raises CannotStart with its last line."""
        path = self.state / "logs" / f"{name}.log"
        with path.open("wb") as log:
            child = processes.spawn(words, log=log, environment=self.environment | environment, folder=places.PROJECT)
        if not processes.wait_until(ready, seconds=60, unless=lambda: child.poll() is not None):
            processes.end(child)
            said = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise CannotStart(f"{name}: {said[-1] if said else 'no word'}")
        self._children[name] = child
        return child

    def stop(self, name: str) -> None:
        """End one program."""
        processes.end(self._children.pop(name))

    def kill(self, name: str) -> int:
        """Pull the plug on one program (SIGKILL to all of it); returns how many processes it had."""
        child = self._children.pop(name)
        members = len(processes.session_members(child.pid))
        processes.kill_session(child.pid)
        child.wait()
        return members

    def cpu_seconds(self, name: str) -> float:
        """CPU that a program and its workers have used so far."""
        return sum(_cpu(pid) for pid in processes.session_members(self._children[name].pid))

    def redis_cpu_seconds(self) -> float:
        """The same of Redis."""
        return _cpu(self._redis)

    def memory_kib(self, name: str) -> int:
        """Resident memory of a program and its workers."""
        return sum(_resident_kib(pid) for pid in processes.session_members(self._children[name].pid))

    @property
    def running(self) -> set[str]:
        """The names of what was started."""
        return set(self._children)

    def sized(self, sockets: int) -> int:
        """How many sockets (or groups) there are, in steps of ten."""
        return max(10, round(sockets * self.share / 10) * 10)

    def database_settings(self) -> dict[str, str]:
        """What durability the figures were taken with."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            names = ("fsync", "synchronous_commit", "server_version")
            return {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in names}  # type: ignore[index]

    @property
    def sockets(self) -> Path:
        """The folder of PostgreSQL's socket."""
        return self._services.sockets

    def _program(self, name: str) -> Program:
        return next(program for program in table.application(self._plan()) if program.name == name)

    def _plan(self) -> table.Plan:
        return table.Plan(
            state=self.state, sockets=self.sockets, bind=table.BACKEND_HOST, port=self.live_port,
            web_port=self.web_port, simulator_port=0, database_url="given", redis_url="given", has_simulator=False,
        )  # fmt: skip

    def _prepare(self) -> None:
        address = self._services.start_postgres()
        redis_url, broker_url = self._services.start_redis()
        with redis.Redis.from_url(redis_url) as client:
            self._redis = int(client.info("server")["process_id"])
        addresses = {"DATABASE_URL": address, "REDIS_URL": redis_url, "LOCKSTEP_BROKER_URL": broker_url}
        words = envfile.rewrite(self.state / "env", addresses | {"LOCKSTEP_STATE": str(self.state)})
        os.environ.update(words | UNLIMITED | {"DJANGO_SETTINGS_MODULE": "config.settings"})
        os.environ.pop("LOCKSTEP_BACKEND", None)
        self.environment = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
        for name in ("static", "media"):
            (self.state / name).mkdir(exist_ok=True)
        compile_catalogues()
        _run(("manage.py", "migrate", "--no-input", "--verbosity", "0"), self.environment)


def _run(words: tuple[str, ...], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        (sys.executable, *words), env=environment, cwd=places.PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotStart(f"{words[1]}: {done.stderr.strip().splitlines()[-1]}")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((table.BACKEND_HOST, 0))
        return int(probe.getsockname()[1])


def _cpu(pid: int) -> float:
    """To the microsecond where the kernel tells it of each living thread, else to 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    exact = 0
    with suppress(OSError):  # a thread ended while we looked
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            exact += int(path.read_text(encoding="ascii").split()[0])
    return max(exact / 1e9, (int(fields[11]) + int(fields[12])) / TICK)


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
