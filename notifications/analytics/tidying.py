"""Many small files into one, and away with what is old; one writer at a time, as for writing.

A merged file is stored whole under a name of its own. Then, in one transaction, its parts stop counting and it begins
to: a reader sees either all parts or the one. A crash before leaves a file that does not count; the next run writes it
again. Parts are deleted when nobody can be reading them any more.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, timedelta
from itertools import groupby
from typing import NamedTuple

from django.db import transaction

from config.ground import clock
from notifications.analytics import places
from notifications.analytics.facts import Facts
from notifications.analytics.models import AnalyticsFile, name_of
from notifications.analytics.parquet import Written, merge
from notifications.analytics.store import Store
from notifications.analytics.turn import Turn, TurnLost, turn

ENOUGH = 24  # files of one level of a day that is not over; then they become one of the next level
MOST_ROWS = 20_000_000  # of a merged file; larger days stay in several
SETTLED = timedelta(hours=1)  # after its end a day gets no more events, so that it becomes one file
GRACE = timedelta(minutes=15)  # a question that reads a replaced file is over by then
STRAY = timedelta(days=1)  # a file that no row knows and that a writer at work could still mean


class Tidied(NamedTuple):
    """What one run did, in files."""

    merged: int = 0
    deleted: int = 0


def tidy(facts: Facts, store: Store, *, keep_days: int = 0, at_once: bool = False) -> Tidied:
    """Merge what can be merged, delete what does not count or is older than `keep_days` (0: kept for ever).

    Nothing while another writes or a pause lasts. Raises StoreAway.
    """
    merged = deleted = 0
    with turn(at_once=at_once) as mine:
        if mine is not None:
            places.clear_litter()
            for parts in to_merge():
                merge_parts(mine, parts, facts, store)
                merged += len(parts)
            if keep_days:
                forget(mine, clock.now().date() - timedelta(days=keep_days))
            deleted = delete_replaced(mine, store)
    return Tidied(merged, deleted)


def to_merge() -> Iterator[list[AnalyticsFile]]:
    """Neighbouring files that become one: all of a day that is over, else ENOUGH of one level."""
    over = (clock.now() - SETTLED).astimezone(UTC).date()
    files = list(AnalyticsFile.objects.filter(replaced_at=None).order_by("day", "first"))
    for day, of_day in groupby(files, key=lambda file: file.day):
        if day < over:
            yield from (part for part in _small_enough(list(of_day)) if len(part) > 1)
        else:
            for _level, of_level in groupby(of_day, key=lambda file: file.level):
                part = list(of_level)[:ENOUGH]
                if len(part) == ENOUGH:
                    yield part


def merge_parts(mine: Turn, parts: Sequence[AnalyticsFile], facts: Facts, store: Store) -> None:
    """Store one file with the rows of all parts, then let it count instead of them. Raises StoreAway, TurnLost."""
    with places.workplace() as folder:
        paths = [folder / f"{number}.part" for number in range(len(parts))]
        for part, path in zip(parts, paths, strict=True):
            store.get(part.name, path)
        written = merge(paths, facts, folder / "merged.parquet")
        name = name_of(parts[0].day, parts[0].first, parts[-1].last)
        store.put(name, written.path)
        switch(mine, parts, written, name)


@transaction.atomic
def switch(mine: Turn, parts: Sequence[AnalyticsFile], written: Written, name: str) -> None:
    """The one moment in which the merged file replaces its parts. Raises TurnLost, ValueError."""
    mine.state()
    wanted = sum(part.rows for part in parts)
    if written.rows != wanted:
        message = f"{name} has {written.rows} rows, its parts have {wanted}"
        raise ValueError(message)
    live = AnalyticsFile.objects.filter(pk__in=[part.pk for part in parts], replaced_at=None)
    if live.update(replaced_at=clock.now()) != len(parts):
        raise TurnLost
    AnalyticsFile.objects.create(
        name=name,
        day=parts[0].day,
        first=parts[0].first,
        last=parts[-1].last,
        level=max(part.level for part in parts) + 1,
        rows=written.rows,
        bytes=written.path.stat().st_size,
    )


@transaction.atomic
def forget(mine: Turn, before: date) -> int:
    """Days before this one stop counting; returns how many files. Raises TurnLost."""
    mine.state()
    return AnalyticsFile.objects.filter(day__lt=before, replaced_at=None).update(replaced_at=clock.now())


def delete_replaced(mine: Turn, store: Store) -> int:
    """Delete what has not counted for a while, file first; returns how many. Raises StoreAway, TurnLost."""
    gone = list(AnalyticsFile.objects.filter(replaced_at__lt=clock.now() - GRACE))
    for file in gone:
        store.delete(file.name)
        with transaction.atomic():
            mine.state()
            file.delete()
    return len(gone)


def stray(store: Store) -> list[str]:
    """Files that no row knows and no writer means: a crash left them. Raises StoreAway."""
    known = set(AnalyticsFile.objects.values_list("name", flat=True))
    today = clock.now().date()
    return [name for name in store.names() if name not in known and today - _day(name) > STRAY]


def _day(name: str) -> date:
    return date.fromisoformat(name.partition("/")[0].removeprefix("day="))


def _small_enough(files: list[AnalyticsFile]) -> Iterator[list[AnalyticsFile]]:
    """Neighbours in groups of at most MOST_ROWS."""
    group: list[AnalyticsFile] = []
    for file in files:
        if group and sum(one.rows for one in group) + file.rows > MOST_ROWS:
            yield group
            group = []
        group.append(file)
    yield group
