"""Start and end one child process so that it never outlives us; used by the supervisor and by services."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

Condition = Callable[[], bool]

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def tell(text: str, end: str = "\n") -> None:
    """Print to whoever watches; that nobody does any more is no reason to end."""
    with suppress(OSError):
        print(text, end=end, flush=True)


def become_subreaper() -> None:
    """From now on orphaned grandchildren become our children instead of init's."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(by: signal.Signals) -> None:
    """Ask the kernel to send us `by` when the process that started us ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)


def spawn(
    words: Iterable[str],
    *,
    log: IO[bytes],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that the kernel signals when the calling thread's process dies."""
    parent = os.getpid()

    def in_child() -> None:
        die_with_parent(death_signal)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return subprocess.Popen(
        list(words),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd=folder,
        start_new_session=True,
        preexec_fn=in_child,  # noqa: PLW1509 - the callers start children from their only thread
    )


def wait_until(ready: Condition, *, seconds: float, unless: Condition = lambda: False) -> bool:
    """Ask `ready` often at first, then each 50 ms; False when time is up or `unless` turned true."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not ready():
        if unless() or time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True


def end(child: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM, seconds: float = 10) -> None:
    """Ask the child to stop, then insist, and leave nothing of its session behind."""
    if child.poll() is None:
        child.send_signal(by)
        with suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
    kill_session(child.pid)
    child.wait()


def children() -> list[int]:
    """Return the processes whose parent we are, zombies too."""
    me = os.getpid()
    return [pid for pid, (_, parent, _) in _table().items() if parent == me]


def session_members(session: int) -> list[int]:
    """Return the living processes of a session (zombies do not count)."""
    return [pid for pid, (state, _, its) in _table().items() if its == session and state not in "ZX"]


def kill_session(session: int) -> None:
    """SIGKILL every process of the session, again until none is left."""
    while members := session_members(session):
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _table() -> dict[int, tuple[str, int, int]]:
    """Every process of the machine: pid → (state letter, parent, session), see proc_pid_stat(5)."""
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended while we looked
                fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                table[int(entry.name)] = fields[0], int(fields[1]), int(fields[3])
    return table
