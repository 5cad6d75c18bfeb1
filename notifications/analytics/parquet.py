"""Parquet by DuckDB: rows into one file a day, files into one. Pure: no Django, no clock; paths in, paths out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson

from notifications.analytics.facts import ENVELOPE, Facts, Happened

MEMORY = "256MB"  # DuckDB writes to disk what does not fit
ROW_GROUP = 16_384  # rows: a question about one shop skips the groups of others
WRITTEN = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"


class Written(NamedTuple):
    """A file and how many rows it has."""

    path: Path
    rows: int


@contextmanager
def duck(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with little memory and one thread, which spills into the folder."""
    config: dict[str, Any] = {"memory_limit": MEMORY, "threads": 1, "temp_directory": str(folder / "spill")}
    with duckdb.connect(":memory:", config=config) as connection:
        yield connection


def write_days(events: Sequence[Happened], facts: Facts, folder: Path) -> dict[date, Written]:
    """Write the events' rows, sorted by position, into one file for each day (UTC) of theirs."""
    lines: dict[date, list[bytes]] = {}
    for event, row in zip(events, facts.rows(events), strict=True):
        if row is not None:
            lines.setdefault(event.happened_at.astimezone(UTC).date(), []).append(_line(event, row, facts.columns))
    written = {}
    with duck(folder) as connection:
        for day, of_day in lines.items():
            source, target = folder / f"{day}.ndjson", folder / f"{day}.parquet"
            source.write_bytes(b"\n".join(of_day))
            rows = f"SELECT * FROM read_json({_text(source)}, format='newline_delimited', columns={facts.schema!r})"  # noqa: S608 - our own path
            connection.execute(f"COPY ({rows} ORDER BY position) TO {_text(target)} ({WRITTEN})")
            source.unlink()
            written[day] = Written(target, len(of_day))
    return written


def merge(parts: Sequence[Path], facts: Facts, target: Path) -> Written:
    """Write the rows of all parts into one file. Raises ValueError when a position comes twice."""
    names = ", ".join(_text(part) for part in parts)
    source = f"read_parquet([{names}], union_by_name=true, hive_partitioning=false)"
    order = ", ".join(f'"{column}"' for column in facts.sorted_by)
    with duck(target.parent) as connection:
        counted = connection.execute(f"SELECT count(*), count(DISTINCT position) FROM {source}").fetchone()  # noqa: S608 - our own paths
        rows, positions = counted or (0, 0)
        if rows != positions:
            message = f"{rows} rows, but {positions} positions in {names}"
            raise ValueError(message)
        connection.execute(f"COPY (SELECT * FROM {source} ORDER BY {order}) TO {_text(target)} ({WRITTEN})")  # noqa: S608 - our own paths
    return Written(target, rows)


def _line(event: Happened, row: Mapping[str, Any], columns: Mapping[str, str]) -> bytes:
    if unknown := row.keys() - columns.keys():
        message = f"no such column: {', '.join(sorted(unknown))}"
        raise ValueError(message)
    envelope = {name: getattr(event, name) for name in ENVELOPE}
    return orjson.dumps({**envelope, **row}, option=orjson.OPT_UTC_Z)


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
