"""What the export remembers: how far it has come, and which files count."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Func, IntegerField, Q
from django.utils import timezone


class _Box(Func):
    """The rectangle of a file: its positions by its day. Rectangles of files that count never touch."""

    function = "box"
    output_field = models.TextField()


class _Corner(Func):
    template = "point(%(expressions)s)"
    output_field = models.TextField()


def _corner(position: str) -> Func:
    day = Func(F("day"), template="(%(expressions)s - DATE '2000-01-01')", output_field=IntegerField())
    return _Corner(F(position), day)


class AnalyticsState(models.Model):
    """How far the export has come; one row.

    Every event up to `position` is in a file that counts, exactly once. The range from there to `claimed_to` is being
    written: whoever comes next writes the same range under the same name. `complete_until` says before which moment
    nothing is missing; `claimed_until` becomes it when the range is done.
    """

    name = models.CharField(max_length=20, primary_key=True, default="export")
    position = models.BigIntegerField(default=0)
    claimed_to = models.BigIntegerField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    complete_until = models.DateTimeField(null=True, blank=True)
    holder = models.CharField(max_length=32, blank=True)  # who writes now, until `held_until`
    held_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)  # that failed since the last that did not
    error = models.TextField(blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "analytics state"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="analytics_claims_forwards", condition=Q(claimed_to=None) | Q(claimed_to__gt=F("position"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class AnalyticsFile(models.Model):
    """One Parquet file: the rows of one day (UTC) among positions `first` to `last`.

    Only files that are not replaced count; the others wait for whoever still reads them and are then deleted.
    """

    name = models.CharField(max_length=80, unique=True)
    day = models.DateField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    level = models.PositiveSmallIntegerField(default=0)  # how many times its rows were merged
    rows = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    written_at = models.DateTimeField(default=timezone.now)
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="analytics_file_has_a_range", condition=Q(first__lte=F("last"))),
            ExclusionConstraint(
                name="analytics_position_counts_once",
                index_type="GIST",
                expressions=[(_Box(_corner("first"), _corner("last")), "&&")],
                condition=Q(replaced_at=None),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["day", "first"], name="analytics_files_that_count", condition=Q(replaced_at=None)),
        ]

    def __str__(self) -> str:
        return self.name


def name_of(day: object, first: int, last: int) -> str:
    """The only name that the rows of a day within a range can have."""
    return f"day={day}/{first:015d}-{last:015d}.parquet"
