"""Lets a process find PostgreSQL and Redis: settings.py calls `load` before it reads the first variable."""

import atexit
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO

from config.local import envfile, places, postgres, redis
from config.local.services import Services

NEEDS_NO_SERVICES = {"up", "help", "check", "makemessages", "compilemessages", "startapp", "diffsettings"}
RUNNING = "running.lock"  # held by whoever started the embedded services: `up`, or one command
USERS = "users.lock"  # shared by every command that uses them

_in_use: list[IO[str] | None] = []


def load(state_dir: Path) -> None:
    """Fill the environment from `<state>/env`, which the running stack wrote; what is set already stays.

    A `manage.py` command that finds no stack running starts the embedded services for its own life.
    With DATABASE_URL given, in production, and for `up` itself, nothing is read and nothing is started.
    """
    if os.environ.get("DATABASE_URL") or os.environ.get("LOCKSTEP_MODE") == "production" or sys.argv[1:2] == ["up"]:
        return
    if _is_command():
        _in_use.append(places.lock(state_dir / USERS, shared=True, wait=True))
        if not is_up(state_dir):
            borrow(state_dir)
    for name, value in envfile.read(state_dir / "env").items():
        os.environ.setdefault(name, value)


def is_up(state_dir: Path) -> bool:
    """Whether the services that the env file names answer: ours by socket; foreign ones are taken at their word."""
    known = envfile.read(state_dir / "env")
    sockets = places.socket_folder(state_dir)
    if not known.get("DATABASE_URL"):
        return False
    if known["DATABASE_URL"] == postgres.url(sockets) and not postgres.is_ready(postgres.url(sockets)):
        return False
    return known.get("REDIS_URL") != redis.url(sockets) or redis.is_ready(sockets / redis.SOCKET)


def borrow(state_dir: Path) -> None:
    """Start the embedded services for the life of this process and of the commands that come to use them meanwhile."""
    held: IO[str] | None = None
    while not (is_up(state_dir) or (held := places.lock(state_dir / RUNNING))):
        time.sleep(0.05)  # another is starting them; it holds the lock as long as it lives, and waits for us at its end
    if not held:
        return
    try:
        services = Services(state_dir, durable=True)
        addresses = {"DATABASE_URL": services.start_postgres()}
        addresses["REDIS_URL"], addresses["LOCKSTEP_BROKER_URL"] = services.start_redis()
    except places.CannotStart as error:
        sys.exit(str(error))
    kept = {name: value for name, value in envfile.read(state_dir / "env").items() if name not in addresses}
    envfile.rewrite(state_dir / "env", kept | addresses)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the services end cleanly, not by our death

    def give_back() -> None:
        _in_use.clear()
        last = places.lock(state_dir / USERS, wait=True)
        services.stop()
        for handle in (last, held):
            if handle:
                handle.close()

    atexit.register(give_back)


def _is_command() -> bool:
    """Whether this process is `manage.py <a command that needs the services>`."""
    words = sys.argv
    return len(words) > 1 and Path(words[0]).name == "manage.py" and words[1].lstrip("-") not in NEEDS_NO_SERVICES
