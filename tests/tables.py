"""A PostgreSQL data folder with all tables, made anew when a migration changes; a copy of it is where tests start.

Most of the time that tables take is not PostgreSQL's: Django builds every state of every model on the way. Whoever
takes a copy migrates nevertheless, and finds nothing left to do. `tests/local/test_whole.py` begins without.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from config.local import places

SOURCE = places.PROJECT / ".lockstep" / "test" / "tables"
NOTE = "tables"  # in each copy: of which migrations its tables are
NOT_OURS = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER")
SLOW = ("PYTHONDONTWRITEBYTECODE",)  # each of a product's nine processes would compile all of it


def lay(folder: Path) -> None:
    """Put a copy into this state folder, in the place of one that is of other migrations. Raises CannotStart."""
    digest = _digest()
    if _is_of(folder, digest):
        return
    shutil.rmtree(folder / "postgres", ignore_errors=True)
    held = places.lock(SOURCE / "lock", wait=True)
    assert held
    with held:
        if not _is_of(SOURCE, digest):
            shutil.rmtree(SOURCE / "postgres", ignore_errors=True)
            _migrate()
            (SOURCE / "postgres" / NOTE).write_text(digest, encoding="ascii")
        shutil.copytree(SOURCE / "postgres", folder / "postgres")


def outside_world() -> dict[str, str]:
    """The environment without what belongs to whoever started us."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in (*NOT_OURS, *SLOW) and not name.startswith(("LOCKSTEP_", "MAKE", "PYTEST_", "PG"))
    }


def _is_of(folder: Path, digest: str) -> bool:
    note = folder / "postgres" / NOTE
    return note.exists() and note.read_text(encoding="ascii") == digest


def _digest() -> str:
    paths = [*sorted(places.PROJECT.glob("*/migrations/*.py")), places.PROJECT / "requirements.txt"]
    return hashlib.blake2s(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _migrate() -> None:
    """The command starts PostgreSQL on its state folder for its own life."""
    done = subprocess.run(
        (sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"),
        env=outside_world() | {"LOCKSTEP_STATE": str(SOURCE)}, cwd=places.PROJECT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise places.CannotStart(f"migrate: {done.stderr.strip().splitlines()[-1]}")
