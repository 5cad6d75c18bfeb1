"""What a row says besides its envelope; the app whose events they are decides, and hands it in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

# Every row has these; the other columns come from Facts.
ENVELOPE: Mapping[str, str] = {
    "position": "BIGINT",
    "event": "BIGINT",
    "stream": "VARCHAR",
    "version": "INTEGER",
    "type": "VARCHAR",
    "happened_at": "TIMESTAMPTZ",
}


class Happened(NamedTuple):
    """One event as the log has it: `event` is the row's own number, `happened_at` aware; `only` is never handed out."""

    position: int
    event: int
    stream: str
    version: int
    type: str
    happened_at: datetime
    actor: str
    data: Mapping[str, Any]


Row = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """`columns`: name → DuckDB's type. `rows` gives for each event its columns, or None to leave it out.

    The same events must give the same rows whenever they are asked for, or a file written again would differ.
    Merged files are sorted by `sorted_by`, so that a question about one of them reads little.
    """

    columns: Mapping[str, str]
    rows: Callable[[Sequence[Happened]], Sequence[Row | None]]
    sorted_by: Sequence[str] = ("position",)

    @property
    def schema(self) -> dict[str, str]:
        """All columns of a file."""
        return {**ENVELOPE, **self.columns}
