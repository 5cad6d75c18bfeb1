"""Sealing what the sequencer has numbered: leaves, subtrees and salts in one transaction, then a signed checkpoint.

`manage.py relay` runs it. Two relays take turns by an advisory lock; one that dies leaves a whole number of batches.
"""

import logging
import secrets
from datetime import timedelta
from threading import Event as Flag

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Max

from config.ground import clock
from notifications.log.models import Event
from notifications.log.wire import give_up_when_frozen
from notifications.seal import tree
from notifications.seal.leaf import SALT, Entry, commitment, leaf
from notifications.seal.models import Checkpoint, SealNode
from notifications.seal.note import Signer

LOCK = 0x5EA1_0001  # advisory: one process seals at a time
BATCH = 1_000
EVERY = timedelta(seconds=10)  # at most one checkpoint in this time
POLL = 1.0  # seconds
COLUMNS = ("position", "id", "stream", "version", "type", "at", "actor", "account", "topics", "data", "only")
# columns as arrays: two rows a leaf, by models they took half of the time of sealing
INSERT_NODES = (
    "INSERT INTO notifications_sealnode (level, index, hash) SELECT * FROM unnest(%s::int2[], %s::int8[], %s::bytea[])"
)
INSERT_SEALS = (
    "INSERT INTO notifications_eventseal (position, commitment, salts) "
    "SELECT * FROM unnest(%s::int8[], %s::text[], %s::bytea[])"
)

logger = logging.getLogger(__name__)


class Torn(RuntimeError):
    """Positions do not follow each other: somebody has taken events out of the log. Nothing more is sealed."""


def signer() -> Signer:
    """The key of this installation."""
    return Signer(settings.SEAL_ORIGIN, settings.SEAL_KEY)


def size() -> int:
    """How many leaves are sealed."""
    last = SealNode.objects.filter(level=0).aggregate(last=Max("index"))["last"]
    return 0 if last is None else int(last) + 1


def stored(level: int, index: int) -> bytes:
    """A complete subtree. Raises SealNode.DoesNotExist."""
    return bytes(SealNode.objects.values_list("hash", flat=True).get(level=level, index=index))


@transaction.atomic
def seal_next(limit: int = BATCH) -> int:
    """Seal up to so many numbered events; returns how many. Raises Torn."""
    if not _is_our_turn():
        return 0
    have = size()
    rows = Event.objects.filter(position__gt=have).order_by("position").values_list(*COLUMNS)[:limit]
    entries = [Entry(*row) for row in rows]
    for wanted, entry in enumerate(entries, start=have + 1):
        if entry.position != wanted:
            message = f"position {wanted} is not in the log, {entry.position} is"
            raise Torn(message)
    salts = [secrets.token_bytes(2 * SALT) for _ in entries]
    committed = [commitment(entry, salt) for entry, salt in zip(entries, salts, strict=True)]
    leaves = [tree.leaf_hash(leaf(entry, mark).encode()) for entry, mark in zip(entries, committed, strict=True)]
    if entries:
        levels, indexes, hashes = zip(*tree.grow(have, leaves, stored), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(INSERT_NODES, [list(levels), list(indexes), list(hashes)])
            cursor.execute(INSERT_SEALS, [[entry.position for entry in entries], committed, salts])
    return len(entries)


@transaction.atomic
def sign_off(*, at_once: bool = False) -> Checkpoint | None:
    """Sign how far the log has grown; None when it has not, or when the last checkpoint is younger than EVERY."""
    if not _is_our_turn():
        return None
    last, have = Checkpoint.objects.order_by("-size").first(), size()
    if have == (last.size if last else 0) or (last and not at_once and clock.now() - last.at < EVERY):
        return None
    note = signer().sign(have, tree.root(have, stored))
    return Checkpoint.objects.create(size=have, note=note, at=clock.now())


def run(stop: Flag) -> None:
    """Seal and sign until told to stop, through any failure of PostgreSQL; looks once a second."""
    while not stop.wait(POLL):
        try:
            give_up_when_frozen()
            while seal_next() == BATCH and not stop.is_set():
                pass
            sign_off()
        except Torn:
            logger.critical("the log is torn", exc_info=True)
        except Error as error:
            logger.warning("sealing pauses: %s", error)
            connection.close()
    connection.close()


def _is_our_turn() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])
