"""Folders of this machine: where files are made, and where files of a bucket are kept once they were fetched."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

LITTER = 3_600  # seconds after which a folder that a killed process left is thrown away


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for half-made files, empty at first and gone afterwards."""
    parent: Path = settings.ANALYTICS_WORK
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_litter() -> None:
    """Throw away what killed processes left."""
    for folder in settings.ANALYTICS_WORK.glob("tmp*"):
        if folder.stat().st_mtime < time.time() - LITTER:
            shutil.rmtree(folder, ignore_errors=True)


def keep_to(limit: int) -> None:
    """Delete fetched files, those unused for longest first, until they take at most `limit` bytes."""
    found = [(path.stat(), path) for path in kept().glob("day=*/*.parquet")]
    total = sum(stat.st_size for stat, _path in found)
    for stat, path in sorted(found, key=lambda pair: pair[0].st_atime):
        if total <= limit:
            return
        path.unlink(missing_ok=True)
        total -= stat.st_size


def kept() -> Path:
    """Where fetched files are."""
    folder: Path = settings.ANALYTICS_WORK / "kept"
    return folder
