"""Where the local stack keeps its files and sockets; used by everything in config/local."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).resolve().parent.parent.parent
SOCKET_PATH_LIMIT = 107  # bytes, from sys/un.h
LONGEST_SOCKET_NAME = len("/lockstep-0123456789ab/.s.PGSQL.5432.lock")
LEAST_FREE_BYTES = 300 * 1024 * 1024  # a fresh database is 40 MB, its log grows to 64 MB, pictures and logs follow


class CannotStart(RuntimeError):
    """The local stack cannot run here; the message is one line that says what to do."""


def state_folder() -> Path:
    """Return the folder of data, logs, demo secrets and `env`: LOCKSTEP_STATE, else .lockstep in the project."""
    return Path(os.environ.get("LOCKSTEP_STATE") or PROJECT / ".lockstep")


def socket_folder(state: Path) -> Path:
    """Return a 0700 folder with a short path for the unix sockets of one state folder, made when absent."""
    base = tempfile.gettempdir()
    if len(base) + LONGEST_SOCKET_NAME > SOCKET_PATH_LIMIT:
        base = "/tmp"  # noqa: S108 - the folder inside it is ours alone, checked below
    folder = Path(base) / f"lockstep-{hashlib.blake2s(bytes(state.resolve()), digest_size=6).hexdigest()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = folder.lstat()
    if folder.is_symlink() or owner.st_uid != os.geteuid():
        message = f"{folder} belongs to someone else: remove it, or set TMPDIR to a folder of your own."
        raise CannotStart(message)
    folder.chmod(0o700)
    return folder


def require_space(folder: Path) -> None:
    """Raise CannotStart unless `folder` can be written and its disk has room for a database."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        message = f"{folder} cannot be written ({error.strerror}): set LOCKSTEP_STATE to a folder that can."
        raise CannotStart(message) from error
    if free < LEAST_FREE_BYTES:
        message = (
            f"Only {free // 2**20} MB free at {folder}, {LEAST_FREE_BYTES // 2**20} MB are needed: "
            "make room, or set LOCKSTEP_STATE to a folder on a larger disk."
        )
        raise CannotStart(message)


def lock(path: Path, *, shared: bool = False, wait: bool = False) -> IO[str] | None:
    """Return the open, locked file, or None when another process holds it. The kernel unlocks when the holder dies."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = path.open("a+", encoding="ascii")
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    if not shared:
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
    return handle


def holder(path: Path) -> int:
    """Name the process that last locked the file for itself, 0 when it has ended."""
    try:
        pid = int(path.read_text(encoding="ascii"))
        os.kill(pid, 0)
    except (OSError, ValueError):
        return 0
    return pid
