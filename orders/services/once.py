"""Doing something once: the same key and body get the same answer, however often and however concurrently asked."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from orders.order.idempotency import IdempotencyKey

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
    digest = hashlib.sha256(body).digest()
    slot = {"principal": principal, "door": door, "key": key[:LONGEST]}
    if (stored := _stored(slot, digest)) is not None:
        return stored
    try:
        with transaction.atomic():
            status, answer = work()
            IdempotencyKey.objects.create(**slot, body_hash=digest, status=status, answer=answer)
    except IntegrityError as error:
        if "one_answer_per_idempotency_key" not in str(error):
            raise
        stored = _stored(slot, digest)
        if stored is None:
            raise
        return stored
    return Answer(status, answer)


def remember(
    principal: str, door: str, key: str, body: bytes, work: Callable[[], tuple[int, dict[str, Any]]]
) -> Answer:
    """As `once`, for work that is safe to repeat by itself and may not run inside a transaction (it calls a gateway)."""
    digest = hashlib.sha256(body).digest()
    slot = {"principal": principal, "door": door, "key": key[:LONGEST]}
    if (stored := _stored(slot, digest)) is not None:
        return stored
    status, answer = work()
    row = IdempotencyKey(**slot, body_hash=digest, status=status, answer=answer)
    IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
    return Answer(status, answer)


def _stored(slot: dict[str, str], digest: bytes) -> Answer | None:
    row = IdempotencyKey.objects.filter(**slot).first()
    if row is None:
        return None
    if bytes(row.body_hash) != digest:
        raise IdempotencyConflict(field="Idempotency-Key")
    return Answer(row.status or 200, row.answer or {}, repeated=True)
