"""What a measurement looks like: rows, their table, the conditions they were taken under, and bench/last.json."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Protocol

LAST = Path(__file__).parent / "last.json"
PRESSURE = Path("/proc/pressure/cpu")
PACKAGES = ("django", "djangorestframework", "psycopg", "granian", "uvicorn", "redis", "channels", "channels-redis")
HEAD = ("", "limit", "ours", "peer", "limit again", "ratio", "ship", "aim", "reached", "losses")


class Stage(Protocol):
    """Where the conditions are read from."""

    def database_settings(self) -> dict[str, str]:
        """`fsync`, `synchronous_commit`, `server_version` as the server tells them."""


@dataclass(frozen=True)
class Bar:
    """What has to be reached, and what we aim at: by the ratio, or by our figure itself where there is no peer."""

    ship: float
    aim: float
    at_most: bool = False
    of_ours: bool = False

    def words(self, value: float) -> str:
        """One of the two as text."""
        return f"{'≤' if self.at_most else '≥'} {value:g}"

    def reached(self, value: float | None) -> str:
        """Which of the two was reached, or by how much the lower one was missed."""
        if value is None:
            return "not measured"
        for name, wanted in (("aim", self.aim), ("ship", self.ship)):
            if value <= wanted if self.at_most else value >= wanted:
                return name
        return f"no, by {abs(value - self.ship) / self.ship:.0%}" if self.ship else f"no, {value:g}"


@dataclass(frozen=True)
class Row:
    """One figure beside its peer. `ratio` is ours ÷ peer; `limit` what the client alone can drive, before and after.

    `ratios` are those of repeated rounds, of which the median counts. `bar` is what is judged; `ship` its text where
    there is none. `losses` counts whatever should have been there and was not (or came twice).
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
    bar: Bar | None = None
    ratios: Sequence[float] = ()

    @property
    def ratio(self) -> float | None:
        """Ours ÷ peer; None without a peer."""
        if self.ratios:
            return round(median(self.ratios), 4)
        return round(self.ours / self.peer, 4) if self.peer else None

    def with_details(self, details: Mapping[str, Any]) -> "Row":
        """The same with more said about it."""
        return replace(self, details={**self.details, **details})

    @property
    def judgement(self) -> tuple[str, str, str]:
        """Ship, aim, and which was reached."""
        if self.bar is None:
            return self.ship, "", ""
        value = self.ours if self.bar.of_ours else self.ratio
        return self.bar.words(self.bar.ship), self.bar.words(self.bar.aim), self.bar.reached(value)


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
            "conditions": {
                "unit": row.unit,
                **dict(zip(("ship", "aim", "reached"), row.judgement, strict=True)),
                "ratios": [round(ratio, 3) for ratio in row.ratios],
                **row.details,
                **measured_under,
            },
        }
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
    figures = (row.limit, row.ours, row.peer, row.limit_again)
    return (f"{row.name} ({row.unit})", *(_figure(value) for value in figures), ratio, *row.judgement, str(row.losses))


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _flat(facts: Mapping[str, Any]) -> str:
    return " · ".join(f"{name} {value}" for name, value in facts.items() if value not in ("", None))
