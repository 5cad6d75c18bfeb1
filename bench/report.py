"""What a measurement looks like: rows, their table, the conditions they were taken under, and bench/last.json."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

LAST = Path(__file__).parent / "last.json"
PRESSURE = Path("/proc/pressure/cpu")
PACKAGES = ("django", "djangorestframework", "psycopg", "granian", "uvicorn", "redis", "channels", "channels-redis")
HEAD = ("", "limit", "ours", "peer", "limit again", "ratio", "ship", "losses")


class Stage(Protocol):
    """Where the conditions are read from."""

    def database_settings(self) -> dict[str, str]:
        """`fsync`, `synchronous_commit`, `server_version` as the server tells them."""


@dataclass(frozen=True)
class Row:
    """One figure beside its peer. `ratio` is ours ÷ peer; `limit` what the client alone can drive, before and after.

    `ship` is the bar ("≥ 0.15"), `losses` counts whatever should have been there and was not (or came twice).
    """

    name: str
    unit: str
    ours: float
    peer: float | None = None
    limit: float | None = None
    limit_again: float | None = None
    ship: str = ""
    losses: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours ÷ peer; None without a peer."""
        return round(self.ours / self.peer, 4) if self.peer else None


def pressure() -> str:
    """Share of the last ten seconds in which some process waited for a CPU; "" where the kernel does not tell."""
    try:
        return PRESSURE.read_text(encoding="ascii").split()[1].removeprefix("avg10=") + " %"
    except (OSError, IndexError):
        return ""


def conditions(stage: Stage) -> dict[str, Any]:
    """Everything that a figure depends on besides the code."""
    return {
        **stage.database_settings(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "cpu_pressure": pressure(),
    }


def table(title: str, rows: Sequence[Row], measured_under: Mapping[str, Any]) -> str:
    """The rows as text, their details below, the conditions last."""
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    text = [f"\n{title}"]
    for line in lines:
        first, *rest = (cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in
                        enumerate(zip(line, widths, strict=True)))  # fmt: skip
        text.append("  ".join([first, *rest]).rstrip())
    text += [f"  {row.name}: {_flat(row.details)}" for row in rows if row.details]
    text.append(f"  under: {_flat(measured_under)}")
    return "\n".join(text)


def merge(rows: Sequence[Row], measured_under: Mapping[str, Any], path: Path = LAST) -> None:
    """Put the rows into the file, leaving those of other targets as they are."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for row in rows:
        known[row.name] = {
            "ours": row.ours,
            "peer": row.peer,
            "limit": row.limit,
            "ratio": row.ratio,
            "losses": row.losses,
            "conditions": {"unit": row.unit, "ship": row.ship, **row.details, **measured_under},
        }
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
    figures = (row.limit, row.ours, row.peer, row.limit_again)
    return (f"{row.name} ({row.unit})", *(_figure(value) for value in figures), ratio, row.ship, str(row.losses))


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _flat(facts: Mapping[str, Any]) -> str:
    return " · ".join(f"{name} {value}" for name, value in facts.items() if value not in ("", None))
