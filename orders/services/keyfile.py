"""Importing a whole file of card keys, piece by piece, so that a crash, a restart or a stop loses and doubles nothing.

Called by the shop's import page, which hands over the spooled file, and by orders/tasks.py, which works it off.
A piece is one batch of lines: its keys, and how far the file is read, are written in one transaction.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from config.ground import clock
from config.ground.problems import Refusal
from orders.actors import Actor
from orders.services.keybook import LONGEST, ImportReport, import_keys
from orders.services.pools import tell_pool
from orders.stock.imports import KeyImport
from orders.stock.models import KeyPool

State = KeyImport.State
MOST_BYTES = 200 * 1024 * 1024
LEASE = timedelta(seconds=20)  # many times one batch; afterwards another worker takes over
STRETCH_SECONDS = 60.0  # one run of the task; well below the task's time limit
LINE_BYTES = 4 * LONGEST + 4  # UTF-8 takes up to four bytes a character; what is longer is no key
FOREIGN = (b"\xff\xfe", b"\xfe\xff", b"PK\x03\x04", b"\x1f\x8b", b"%PDF")  # UTF-16, spreadsheets, archives, documents


class FileTooLarge(Refusal):
    """More than MOST_BYTES."""

    code = "file_too_large"
    status = 413
    message = _("{size} is more than 200 MB. Split the file; nothing was stored.")


class FileNotText(Refusal):
    """Empty, or not UTF-8 text."""

    code = "import_refused"
    status = 422
    message = _("{name} is not a text file in UTF-8 with one key a line. Save it as such; nothing was stored.")


def folder() -> Path:
    """Where files wait for their import: readable by us alone."""
    path = Path(settings.STATE_DIR) / "imports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path_of(job: KeyImport) -> Path:
    """The plain file of one import; gone once it has ended."""
    return folder() / f"{job.public_id}.txt"


def begin_import(pool: KeyPool, spooled: Path, *, file_name: str, label: str, actor: Actor) -> KeyImport:
    """Take over a spooled file. Raises FileTooLarge, FileNotText; the file is gone then."""
    size = spooled.stat().st_size
    try:
        if size > MOST_BYTES:
            raise FileTooLarge(size=f"{size // 1024 // 1024} MB", field="file")
        with spooled.open("rb") as handle:
            head = handle.read(4096)
        if not head.strip() or b"\0" in head or head.startswith(FOREIGN):
            raise FileNotText(name=file_name, field="file")
        job = KeyImport(pool=pool, label=label, file_name=file_name, started_by=actor.account, size_bytes=size)
        spooled.chmod(0o600)
        spooled.rename(path_of(job))
    except Refusal:
        spooled.unlink(missing_ok=True)
        raise
    job.save()
    return job


def ask_to_stop(job: KeyImport) -> None:
    """Stop after the batch that is being stored; what is stored stays."""
    KeyImport.objects.filter(pk=job.pk, state__in=[State.WAITING, State.RUNNING]).update(is_stop_asked=True)


def unfinished() -> list[str]:
    """Imports that nobody works on now."""
    rows = KeyImport.objects.filter(state__in=[State.WAITING, State.RUNNING], next_run_at__lte=clock.now())
    return list(rows.order_by("next_run_at").values_list("public_id", flat=True))


def work_on(import_id: str, *, seconds: float = STRETCH_SECONDS) -> bool:
    """Import for so long; True when something is left. Safe to run twice at once: the second finds the lease taken."""
    job = _claim(import_id)
    if job is None:
        return False
    try:
        with path_of(job).open("rb") as handle:
            handle.seek(job.read_bytes)
            ended = _stretch(job, handle, time.monotonic() + seconds)
    except FileNotFoundError:
        ended = State.REFUSED  # taken away under us; the same file can be sent again
    except _TakenAway:
        return False
    if ended is None:
        _running(job).update(next_run_at=clock.now())
        return True
    _running(job).update(state=ended, ended_at=clock.now())
    path_of(job).unlink(missing_ok=True)
    tell_pool(job.pool)
    return False


def sweep(older_than: timedelta = timedelta(days=1)) -> int:
    """Delete files that no running import owns any more (a worker died between its last two steps)."""
    owned = {path_of(job) for job in KeyImport.objects.filter(state__in=[State.WAITING, State.RUNNING])}
    limit = (clock.now() - older_than).timestamp()
    stale = [path for path in folder().iterdir() if path not in owned and path.stat().st_mtime < limit]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def _claim(import_id: str) -> KeyImport | None:
    """Take the lease, or None when somebody holds it or the import has ended."""
    free = Q(public_id=import_id, state__in=[State.WAITING, State.RUNNING], next_run_at__lte=clock.now())
    taken = KeyImport.objects.filter(free).update(state=State.RUNNING, next_run_at=clock.now() + LEASE)
    return KeyImport.objects.select_related("pool").get(public_id=import_id) if taken else None


def _stretch(job: KeyImport, handle: BinaryIO, until: float) -> str | None:
    """Store batch after batch; returns how the import ended, None when the time is up first."""
    lines = _Lines(handle)
    batches = import_keys(job.pool, lines, batch=job, first_line=job.read_lines + 1)
    start = _Start(job)
    while True:
        with transaction.atomic():
            report = next(batches, None)
            if report is None:
                _running(job).update(read_bytes=job.size_bytes)
                return State.DONE
            _save_progress(job, start, report, lines)
        if _running(job).filter(is_stop_asked=True).exists():
            return State.STOPPED
        if time.monotonic() > until:
            return None


class _TakenAway(Exception):
    """The import was ended by somebody else (its batch is void): what was being stored is not."""


def _running(job: KeyImport) -> QuerySet[KeyImport]:
    return KeyImport.objects.filter(pk=job.pk, state=State.RUNNING)


class _Start:
    """The figures of an import when this stretch began."""

    def __init__(self, job: KeyImport) -> None:
        self.read_bytes, self.read_lines = job.read_bytes, job.read_lines
        self.lines, self.stored = job.lines, job.stored
        self.duplicates, self.unreadable = job.duplicates, job.unreadable
        self.refused = list(job.refused)


def _save_progress(job: KeyImport, start: _Start, report: ImportReport, lines: "_Lines") -> None:
    refused = start.refused + [list(line) for line in report.refused]
    saved = _running(job).update(
        read_bytes=start.read_bytes + lines.read_bytes,
        read_lines=start.read_lines + lines.count,
        lines=start.lines + report.lines,
        stored=start.stored + report.stored,
        duplicates=start.duplicates + report.duplicates,
        unreadable=start.unreadable + report.unreadable,
        refused=sorted(refused)[: ImportReport.KEEP],
        next_run_at=clock.now() + LEASE,
    )
    if not saved:
        raise _TakenAway


class _Lines:
    """The lines of a file, counted, none ever longer in memory than a key may be (the rest of it is passed over)."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self.count = 0
        self.read_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        while line := self._handle.readline(LINE_BYTES):
            self.read_bytes += len(line)
            whole = line.endswith(b"\n")
            while not whole and (rest := self._handle.readline(LINE_BYTES)):
                self.read_bytes += len(rest)
                whole = rest.endswith(b"\n")
            self.count += 1
            yield line
