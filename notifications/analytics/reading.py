"""Questions to the exported events: DuckDB over the files that count, with little memory and little time.

`extract` first takes the rows that are asked about into a table `events`; every question of a page then reads that.
"""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings

from notifications.analytics import places
from notifications.analytics.facts import Facts
from notifications.analytics.models import AnalyticsFile, AnalyticsState
from notifications.analytics.store import Store, StoreAway

MEMORY = "256MB"
AT_ONCE = 2  # extracts in one process; more wait
QUEUED = 3.0  # seconds that they wait

_room = threading.BoundedSemaphore(AT_ONCE)


class TooBusy(Exception):
    """Too many questions at once, or one that took too long."""


class Extract:
    """The rows that were asked for, as the table `events` of a DuckDB that can reach nothing else."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def ask(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """The answer's rows. `$name` in the query is the parameter of that name. Raises TooBusy, duckdb.Error."""
        used = {name: value for name, value in params.items() if f"${name}" in query}
        try:
            answer = self._connection.execute(query, used)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise TooBusy from None
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@contextmanager
def extract(
    facts: Facts,
    store: Store,
    start: datetime,
    end: datetime,
    where: Mapping[str, str],
    *,
    columns: Collection[str] = (),
    seconds: float = 5.0,
) -> Iterator[Extract]:
    """Open the events from `start` until before `end` whose columns equal `where`, with these columns (all, if none).

    Raises StoreAway, TooBusy.
    """
    if not _room.acquire(timeout=QUEUED):
        raise TooBusy
    try:
        asked = {name: kind for name, kind in facts.schema.items() if name in columns or not columns}
        with duckdb.connect(":memory:", config={"memory_limit": MEMORY, "threads": 1, "temp_directory": ""}) as found:
            watch = threading.Timer(seconds, found.interrupt)
            watch.start()
            try:
                for is_last in (False, True):
                    paths = [str(path_of(file, store)) for file in files(start, end)]
                    if _fill(found, paths, asked, {"start": start, "end": end, **where}, is_last=is_last):
                        break
                places.keep_to(settings.ANALYTICS_KEPT_BYTES)  # now, or it would take away what is to be read
                yield Extract(found)
            finally:
                watch.cancel()
    finally:
        _room.release()


def files(start: datetime, end: datetime) -> list[AnalyticsFile]:
    """The files that count with days from `start` to `end`."""
    live = AnalyticsFile.objects.filter(replaced_at=None, day__gte=start.astimezone(UTC).date())
    return list(live.filter(day__lte=(end - timedelta(microseconds=1)).astimezone(UTC).date()).order_by("day", "first"))


def complete_until() -> datetime | None:
    """Before which moment nothing is missing; None when nothing was exported yet."""
    return AnalyticsState.objects.filter(name="export").values_list("complete_until", flat=True).first()


def path_of(file: AnalyticsFile, store: Store) -> Path:
    """Where the file can be read, fetched first when it lies in a bucket and is not kept here. Raises StoreAway."""
    local = store.local(file.name)
    if local is not None:
        return local
    path = places.kept() / file.name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with places.workplace() as folder:
            store.get(file.name, folder / "fetched")
            if (folder / "fetched").stat().st_size != file.bytes:
                raise StoreAway(f"{file.name} is not as long as it was written.")
            (folder / "fetched").replace(path)
    return path


def _fill(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[str],
    columns: Mapping[str, str],
    where: Mapping[str, Any],
    *,
    is_last: bool,
) -> bool:
    """Make the table, fill it, and take from the connection every way to anything else.

    False: a file went while it was read (merged, or no room was left for it here), and it is not the last try.
    """
    made = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f"CREATE OR REPLACE TABLE events ({made})")
    names = ", ".join(f'"{name}"' for name in columns)
    conditions = "".join(f' AND "{column}" = ${column}' for column in where if column not in {"start", "end"})
    query = (
        f"INSERT INTO events BY NAME SELECT {names} FROM "  # noqa: S608 - column names are ours
        "read_parquet($paths, union_by_name=true, hive_partitioning=false) "
        f"WHERE happened_at >= $start AND happened_at < $end{conditions}"
    )
    try:
        if paths:
            connection.execute(query, {"paths": paths, **where})
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise TooBusy from None
    except duckdb.IOException as error:
        if is_last:
            raise StoreAway(f"A file of the export cannot be read: {str(error).splitlines()[0]}") from error
        return False
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return True
