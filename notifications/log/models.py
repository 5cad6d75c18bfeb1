"""The rows of the log, of its one numbering leader and of its readers; append, sequencer and readers use them."""

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

# Everything but `position`: compared column by column, because a WHEN clause that is false costs no function call.
FROZEN = ("id", "stream", "version", "type", "data", '"only"', "topics", "actor", "account", "at", "traceparent")


def _row(side: str) -> str:
    return f"ROW({', '.join(f'{side}.{column}' for column in FROZEN)})"


def _refuse(words: str) -> str:
    """Write a trigger body that always refuses; check_violation, so that Django raises IntegrityError."""
    return f"RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation';"


class Event(models.Model):
    """One thing that happened: fact and envelope in one row, written in the transaction that made it true.

    `version` counts 1..n within `stream`; `position` counts 1..n over the whole log and is NULL until the
    sequencer numbers the row. The `id` only orders what is not numbered yet. A trigger refuses any change but
    that one numbering, and any deletion.
    """

    id = models.BigAutoField(primary_key=True)
    position = models.BigIntegerField(null=True, unique=True, editable=False)
    stream = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    type = models.CharField(max_length=60)
    data = models.JSONField(default=dict, blank=True)
    only = models.JSONField(default=dict, blank=True)
    topics = ArrayField(models.TextField(), default=list, blank=True)
    actor = models.CharField(max_length=20)
    account = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField(default=timezone.now)
    traceparent = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["stream", "version"], name="event_stream_version"),
            models.CheckConstraint(condition=Q(version__gte=1), name="event_version_from_one"),
            models.CheckConstraint(condition=Q(position__isnull=True) | Q(position__gte=1), name="event_position"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], name="event_unnumbered", condition=Q(position__isnull=True)),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="event_is_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    f"OLD.position IS NOT NULL OR NEW.position IS NULL OR {_row('OLD')} IS DISTINCT FROM {_row('NEW')}"
                ),
                func=_refuse("an event of the log cannot be changed"),
            ),
            pgtrigger.Trigger(
                name="event_is_kept",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func=_refuse("an event of the log cannot be deleted"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stream} v{self.version} {self.type}"


class Leadership(models.Model):
    """Who numbers the log now. `epoch` grows with each leader and after each lost Redis frame.

    The advisory lock decides who leads; this row only tells a frozen leader (old `beat_at`) from a living one.
    """

    name = models.CharField(max_length=20, primary_key=True)
    epoch = models.BigIntegerField(default=0)
    beat_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "leadership"

    def __str__(self) -> str:
        return f"{self.name}, epoch {self.epoch}"


class ReaderCursor(models.Model):
    """How far one reader of config/events.py has come: every event up to `position` is handled or parked."""

    name = models.CharField(max_length=40, primary_key=True)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class ParkedEvent(models.Model):
    """An event that a reader could not handle, or one of the same stream waiting behind it (`tries` 0).

    `is_skipped`: it could never succeed, and a person said so; it was passed over without being handled.
    """

    reader = models.CharField(max_length=40)
    position = models.BigIntegerField()
    stream = models.CharField(max_length=80)
    error = models.TextField(blank=True)
    tries = models.PositiveIntegerField(default=0)
    parked_at = models.DateTimeField(default=timezone.now)
    next_try_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    is_skipped = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reader", "position"], name="parked_once_a_reader"),
            models.CheckConstraint(
                name="skipped_is_resolved", condition=Q(is_skipped=False) | Q(resolved_at__isnull=False)
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["reader", "stream", "position"], name="parked_waiting", condition=Q(resolved_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reader} parked {self.stream} at {self.position}"
