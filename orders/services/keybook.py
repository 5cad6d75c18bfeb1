"""Storing card keys: one a line, each sealed by itself, each text once in a shop. For keyfile.py and the demo data."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import connection, transaction
from psycopg import Cursor

from config.ground import clock, ids, vault
from orders.stock.imports import KeyImport
from orders.stock.masking import tail_of
from orders.stock.models import Key, KeyPool

BATCH = 2_000  # lines per statement: small enough that progress moves, large enough that the round trip is nothing
LONGEST = 200  # characters of one key

# Sorted by fingerprint, so that two imports of the same keys wait for each other in one direction only. The arrays
# go in binary form (%b): as text every byte of a sealed key would be sent as two and be parsed again.
_INSERT = """
INSERT INTO orders_key
       (public_id, pool_id, sealed, fingerprint, state, uses, uses_left, imported_at, batch_id, line)
SELECT id, %s, sealed, mark, 'AVAILABLE', %s, %s, %s, %s, line
  FROM unnest(%b::text[], %b::bytea[], %b::bytea[], %b::int[]) AS given (id, sealed, mark, line)
    ON CONFLICT (fingerprint) DO NOTHING
"""


@dataclass
class ImportReport:
    """What an import did. At most `KEEP` refused lines are kept.

    They are (line number, reason, last characters, what it equals): `twice` in this file (its first line), `duplicate`
    in this pool (its state and its batch), `elsewhere` (the shop's other pool), `unreadable`.
    """

    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    unreadable: int = 0
    refused: list[tuple[int, str, str, str]] = field(default_factory=list)

    KEEP = 2_000

    def refuse(self, number: int, reason: str, text: str, about: str = "") -> None:
        """Count and remember one line that was not stored."""
        if reason == "unreadable":
            self.unreadable += 1
        else:
            self.duplicates += 1
        if len(self.refused) < self.KEEP:
            self.refused.append((number, reason, tail_of(text), about))


class _Fresh(NamedTuple):
    """One line to be stored, sealed already."""

    number: int
    text: str
    public_id: str
    sealed: bytes


def import_keys(
    pool: KeyPool, lines: Iterable[bytes], *, batch: KeyImport | None = None, first_line: int = 1
) -> Iterator[ImportReport]:
    """Store one key a line, batch by batch, yielding the same report after each batch.

    Each batch is its own transaction: stopping keeps what is stored, and the same file again adds nothing.
    """
    report = ImportReport()
    numbered = enumerate(lines, start=first_line)
    while some := list(itertools.islice(numbered, BATCH)):
        _store(pool, some, report, batch)
        yield report


def readable(raw: bytes) -> str | None:
    """The key of one line; empty for a blank line, None when it is no text or too long."""
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= LONGEST and text.isprintable() else None


def _store(pool: KeyPool, some: list[tuple[int, bytes]], report: ImportReport, batch: KeyImport | None) -> None:
    fresh: dict[bytes, _Fresh] = {}
    for number, raw in some:
        text = readable(raw)
        if text == "":
            continue
        report.lines += 1
        if text is None:
            report.refuse(number, "unreadable", "")
            continue
        mark = pool.mark(text)
        if mark in fresh:
            report.refuse(number, "twice", text, str(fresh[mark].number))
        else:
            public_id = ids.new_id("ck")
            fresh[mark] = _Fresh(number, text, public_id, vault.seal(text, f"key|sealed|{public_id}"))
    stored = _insert(pool, fresh, batch)
    report.stored += stored
    if len(report.refused) >= report.KEEP:
        report.duplicates += len(fresh) - stored  # nobody will read what they equal
    elif stored < len(fresh):
        _explain(pool, fresh, report, batch)


def _insert(pool: KeyPool, fresh: dict[bytes, _Fresh], batch: KeyImport | None) -> int:
    """Insert what is new; returns how many were."""
    if not fresh:
        return 0
    marks = sorted(fresh)
    rows = [fresh[mark] for mark in marks]
    columns = [row.public_id for row in rows], [row.sealed for row in rows], marks, [row.number for row in rows]
    first = (pool.pk, pool.uses, pool.uses, clock.now(), batch.pk if batch else None)
    with transaction.atomic():
        connection.ensure_connection()
        with Cursor(connection.connection) as cursor:  # Django's own cursor binds on this side, as text
            cursor.execute(_INSERT, (*first, *columns))
            return cursor.rowcount


def _explain(pool: KeyPool, fresh: dict[bytes, _Fresh], report: ImportReport, batch: KeyImport | None) -> None:
    """Say of each line that was there before what it equals."""
    columns = ("fingerprint", "public_id", "pool_id", "pool__name", "batch_id", "batch__label", "line", "state")
    found = Key.objects.filter(fingerprint__in=list(fresh)).values_list(*columns)
    known = {bytes(mark): rest for mark, *rest in found}
    for mark, line in fresh.items():
        public_id, pool_pk, pool_name, batch_pk, label, first, state = known[mark]
        if public_id == line.public_id:
            continue
        if pool_pk != pool.pk:
            report.refuse(line.number, "elsewhere", line.text, pool_name)
        elif batch is not None and batch_pk == batch.pk:
            report.refuse(line.number, "twice", line.text, str(first))
        else:
            report.refuse(line.number, "duplicate", line.text, f"{state}|{label or ''}")
