"""PostgreSQL and Redis as children of this very process: for tests, and for a command when no stack is running."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from config.local import postgres, processes, redis
from config.local.places import CannotStart, require_space, socket_folder

START_SECONDS = 60  # a crash recovery on a slow disk; a normal start takes a tenth of a second


class Services:
    """What was started in one state folder; `stop` ends it, and the kernel does when we are killed."""

    def __init__(self, state: Path, *, durable: bool) -> None:
        self.state = state
        self.durable = durable
        self.sockets = socket_folder(state)
        self._children: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []

    def start_postgres(self) -> str:
        """Start PostgreSQL and return its DATABASE_URL. Raises CannotStart with the server's own reason."""
        require_space(self.state)
        data = self.state / "postgres"
        postgres.prepare(data)
        address = postgres.url(self.sockets, "postgres")
        words = postgres.command(data, self.sockets, durable=self.durable)
        if not self._start("postgres", words, lambda: postgres.is_ready(address), postgres.STOP_SIGNAL):
            raise CannotStart(self._reason("postgres"))
        postgres.make_database(self.sockets)
        return postgres.url(self.sockets)

    def start_redis(self, name: str = redis.SOCKET) -> tuple[str, str]:
        """Start Redis and return its REDIS_URL and Celery's form of it. Raises CannotStart."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.sockets / name
        path.unlink(missing_ok=True)
        words = redis.command(self.sockets, name)
        if not self._start("redis", words, lambda: redis.is_ready(path), signal.SIGTERM):
            raise CannotStart(self._reason("redis"))
        return redis.url(self.sockets, name), redis.broker_url(self.sockets, name)

    def stop(self) -> None:
        """End what was started, last first. Safe to call twice."""
        while self._children:
            child, by = self._children.pop()
            processes.end(child, by=by)

    def forget_data(self) -> None:
        """Throw the database away (for tests, whose data may be lost)."""
        shutil.rmtree(self.state / "postgres", ignore_errors=True)

    def _start(self, name: str, words: list[str], ready: processes.Condition, by: signal.Signals) -> bool:
        logs = self.state / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{name}.log").open("wb") as log:
            child = processes.spawn(words, log=log, death_signal=by, environment=_plain_environment())
        if processes.wait_until(ready, seconds=START_SECONDS, unless=lambda: child.poll() is not None):
            self._children.append((child, by))
            return True
        processes.end(child, by=by)
        return False

    def _reason(self, name: str) -> str:
        path = self.state / "logs" / f"{name}.log"
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{name} did not start: {lines[-1] if lines else 'no reason given'} (see {path})"


def _plain_environment() -> dict[str, str]:
    """Our environment without PG* variables, which the server's programs would obey."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
