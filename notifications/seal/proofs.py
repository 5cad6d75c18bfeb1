"""Proofs for people and programs: that events are in the sealed log, and that the log only ever grew.

Receipts, webhooks and orders/api ask; verifier.py checks the answers without us.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import connection

from notifications.log.models import Event
from notifications.seal import tree
from notifications.seal.leaf import Entry, leaf
from notifications.seal.models import Checkpoint, EventSeal
from notifications.seal.sealing import COLUMNS, signer

Proof = TypeVar("Proof")


def latest() -> Checkpoint | None:
    """The newest checkpoint; None before the first."""
    return Checkpoint.objects.order_by("-size").first()


def of_stream(stream: str) -> dict[str, Any] | None:
    """The proof of every event of a stream that the newest checkpoint covers; None when it covers none yet.

    `{"key", "note", "size", "at", "entries": [{"leaf", "index", "path"}]}`: leaf is the text that was hashed, path
    its neighbours as hex, nearest first.
    """
    checkpoint = latest()
    if checkpoint is None:
        return None
    rows = Event.objects.filter(stream=stream, position__lte=checkpoint.size).order_by("position")
    entries = [Entry(*row) for row in rows.values_list(*COLUMNS)]
    seals = EventSeal.objects.filter(position__in=[entry.position for entry in entries])
    committed = dict(seals.values_list("position", "commitment"))
    if not entries:
        return None
    paths = inclusions([entry.position for entry in entries], checkpoint.size)
    told = [
        {"leaf": leaf(entry, committed[entry.position]), "index": entry.position - 1, "path": path}
        for entry, path in zip(entries, paths, strict=True)
    ]
    return {
        "key": signer().key,
        "note": checkpoint.note,
        "size": checkpoint.size,
        "at": checkpoint.at.isoformat(),
        "entries": told,
    }


def inclusions(positions: Sequence[int], size: int) -> list[list[str]]:
    """For each position the neighbours up to the root of `size` leaves, as hex. Raises ValueError."""
    return _with_nodes(lambda get: [_hex(tree.inclusion(position - 1, size, get)) for position in positions])


def consistency(old: int, new: int) -> list[str]:
    """The hashes that show that the log of `new` entries begins with that of `old`, as hex. Raises ValueError."""
    return _with_nodes(lambda get: _hex(tree.consistency(old, new, get)))


def _with_nodes(prove: Callable[[tree.Get], Proof]) -> Proof:
    """Prove twice: once to learn which subtrees are needed, then with all of them read at once."""
    wanted: set[tuple[int, int]] = set()

    def note(level: int, index: int) -> bytes:
        wanted.add((level, index))
        return b""

    prove(note)
    found = _read(sorted(wanted))
    return prove(lambda level, index: found[level, index])


def _read(wanted: list[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.level, n.index, n.hash FROM notifications_sealnode n "
            "JOIN unnest(%s::smallint[], %s::bigint[]) AS w (level, index) ON (n.level, n.index) = (w.level, w.index)",
            [[level for level, _ in wanted], [index for _, index in wanted]],
        )
        found = {(level, index): bytes(value) for level, index, value in cursor.fetchall()}
    if len(found) < len(wanted):
        message = "the log has not grown so far yet"
        raise ValueError(message)
    return found


def _hex(hashes: list[bytes]) -> list[str]:
    return [value.hex() for value in hashes]
