"""Doing something once: the same key and body get the same answer, however often and however concurrently asked."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from orders.order import idempotency

Work = Callable[[], tuple[int, dict[str, Any]]]
LONGEST = 80  # characters of a key


class IdempotencyConflict(Refusal):
    """The key was used for another body."""

    code = "idempotency_conflict"
    status = 422
    message = _("This request number was used for another order. Start again from the cart.")


class Answer(NamedTuple):
    """What the work answered: an HTTP status, a JSON document, and whether it is a repeated answer."""

    status: int
    body: dict[str, Any]
    repeated: bool = False


def once(principal: str, door: str, key: str, body: bytes, work: Work) -> Answer:
    """Run `work` at most once per (principal, door, key); its answer is stored in the transaction of the work.

    A concurrent twin waits for the first at the unique index, is rolled back with all it did, and gets the
    stored answer. Refusals of `work` are not stored: they changed nothing. Raises IdempotencyConflict.
    """
    slot, digest = _slot(principal, door, key), hashlib.sha256(body).digest()
    if (stored := _stored(slot, digest)) is not None:
        return stored
    with transaction.atomic():
        status, answer = work()
        is_first = idempotency.keep(slot, digest, status, answer)
        if not is_first:
            transaction.set_rollback(True)
    return Answer(status, answer) if is_first else once(principal, door, key, body, work)


def remember(principal: str, door: str, key: str, body: bytes, work: Work) -> Answer:
    """As `once`, for work that is safe to repeat by itself and may not run in a transaction (it calls a gateway)."""
    slot, digest = _slot(principal, door, key), hashlib.sha256(body).digest()
    if (stored := _stored(slot, digest)) is not None:
        return stored
    status, answer = work()
    idempotency.keep(slot, digest, status, answer)
    return Answer(status, answer)


def _slot(principal: str, door: str, key: str) -> idempotency.Slot:
    """Where the answer is kept; a key too long (or too strange) for its column is kept by its digest, never cut."""
    fits = len(key) <= LONGEST and key.isprintable()
    return principal, door, key if fits else hashlib.sha256(key.encode()).hexdigest()


def _stored(slot: idempotency.Slot, digest: bytes) -> Answer | None:
    row = idempotency.find(slot)
    if row is None:
        return None
    body_hash, status, answer = row
    if bytes(body_hash) != digest:
        raise IdempotencyConflict(field="Idempotency-Key")
    return Answer(status, answer, repeated=True)
