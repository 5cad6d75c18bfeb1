"""Card keys as the shop and the buyer meet them: importing a file, voiding, revealing."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db import connection, transaction

from config.ground import clock, ids, vault
from orders.order.road import NoSuchOrder
from orders.stock.models import Key, KeyIssue, KeyPool, KeyReveal

BATCH = 2_000  # lines per statement: small enough that progress moves, large enough that COPY-like speed holds
LONGEST = 200  # characters of one key


@dataclass
class ImportReport:
    """What an import did. `refused` are (line number, reason, last four characters), at most `KEEP` of them."""

    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    unreadable: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)

    KEEP = 500

    def refuse(self, number: int, reason: str, text: str) -> None:
        """Count and remember one line that was not stored."""
        if reason == "duplicate":
            self.duplicates += 1
        else:
            self.unreadable += 1
        if len(self.refused) < self.KEEP:
            self.refused.append((number, reason, text[-4:]))


def import_keys(pool: KeyPool, lines: Iterable[bytes]) -> Iterator[ImportReport]:
    """Store one key a line, batch by batch, yielding the same report after each batch.

    Each batch is its own transaction: stopping keeps what is stored, and the same file again adds nothing.
    """
    report = ImportReport()
    numbered = enumerate(lines, start=1)
    while batch := list(itertools.islice(numbered, BATCH)):
        _store(pool, batch, report)
        yield report


def _store(pool: KeyPool, batch: list[tuple[int, bytes]], report: ImportReport) -> None:
    fresh: dict[bytes, tuple[int, str]] = {}
    for number, raw in batch:
        text = _readable(raw)
        if text == "":
            continue
        report.lines += 1
        if text is None:
            report.refuse(number, "unreadable", "")
            continue
        mark = vault.fingerprint(text, f"key|{pool.pk}")
        if mark in fresh:
            report.refuse(number, "duplicate", text)
        else:
            fresh[mark] = (number, text)
    stored = _insert(pool, fresh)
    report.stored += len(stored)
    for mark, (number, text) in fresh.items():
        if mark not in stored:
            report.refuse(number, "duplicate", text)


def _readable(raw: bytes) -> str | None:
    """The key of one line; empty for a blank line, None when it is no text or too long."""
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= LONGEST and text.isprintable() else None


def _insert(pool: KeyPool, fresh: dict[bytes, tuple[int, str]]) -> set[bytes]:
    """Insert what is new; returns the fingerprints that were."""
    rows = []
    for mark, (_number, text) in fresh.items():
        public_id = ids.new_id("ck")
        rows.append((public_id, vault.seal(text, f"key|sealed|{public_id}"), mark))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO orders_key (public_id, pool_id, sealed, fingerprint, state, uses_left, imported_at)
            SELECT id, %s, sealed, mark, 'AVAILABLE', %s, %s
              FROM unnest(%s::text[], %s::bytea[], %s::bytea[]) AS given (id, sealed, mark)
            ON CONFLICT DO NOTHING RETURNING fingerprint
            """,
            [pool.pk, pool.uses, clock.now(), *(list(column) for column in zip(*rows, strict=True))]
            if rows
            else [pool.pk, pool.uses, clock.now(), [], [], []],
        )
        return {bytes(mark) for (mark,) in cursor.fetchall()}


@transaction.atomic
def reveal(order_id: str, line_no: int, unit_no: int, *, by: str, address: str | None) -> str:
    """The key of one unit in clear, recorded as looked at. The caller has checked who may see this order."""
    issue = (
        KeyIssue.objects.select_related("key")
        .filter(order__public_id=order_id, line_no=line_no, unit_no=unit_no, issued_at__isnull=False)
        .first()
    )
    if issue is None:
        raise NoSuchOrder
    KeyReveal.objects.create(issue=issue, by=by, address=address)
    return issue.key.text()


@transaction.atomic
def void_key(key_id: str) -> bool:
    """Take an unsold key out of the pool; False when it is already reserved, issued or void."""
    changed = Key.objects.filter(public_id=key_id, state=Key.State.AVAILABLE).update(state=Key.State.VOID)
    return bool(changed)
