"""The memory behind Idempotency-Key: same key and body, same answer; same key and another body, refused."""

from typing import Any

import orjson
from django.db import connection, models
from psycopg.types.json import Jsonb

from config.ground import clock

FIND = (
    "SELECT body_hash, status, answer::json FROM orders_idempotencykey WHERE principal = %s AND door = %s AND key = %s"
)
KEEP = """
INSERT INTO orders_idempotencykey (principal, door, key, body_hash, status, answer, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id
"""


class IdempotencyKey(models.Model):
    """One key of one principal; the answer is written in the transaction of the work itself."""

    principal = models.CharField(max_length=40)  # usr_… or the guest's session hash
    key = models.CharField(max_length=80)
    door = models.CharField(max_length=60)  # which operation, e.g. createOrder
    body_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["principal", "door", "key"], name="one_answer_per_idempotency_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_keys_by_age")]


Slot = tuple[str, str, str]  # principal, door, key


def find(slot: Slot) -> tuple[bytes, int, dict[str, Any]] | None:
    """The body's hash, the status and the answer kept in this slot."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, slot)
        row: tuple[bytes, int, dict[str, Any]] | None = cursor.fetchone()
    return row


def keep(slot: Slot, body_hash: bytes, status: int, answer: dict[str, Any]) -> bool:
    """Keep an answer; False when the slot is taken. Waits for a transaction that is just taking it."""
    values: list[Any] = [*slot, body_hash, status, Jsonb(answer, dumps=orjson.dumps), clock.now()]
    with connection.cursor() as cursor:
        cursor.execute(KEEP, values)
        return cursor.fetchone() is not None
