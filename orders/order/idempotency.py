"""The memory behind Idempotency-Key: same key and body, same answer; same key and another body, refused."""

from django.db import models

from config.ground import clock


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
