"""What ran by the clock, for Operations: the last hourly checks with everything they looked for, zeros too."""

from datetime import datetime
from typing import Any, NamedTuple

from config.ground.word import Word
from payments.models import Run
from payments.words import RUN_PASS

SHOWN = 6


class Pass(NamedTuple):
    """One pass of a run: its word and name, its counts in rows, its time."""

    word: Word
    name: str
    looked_at: int
    repaired: int
    set_aside: int
    left: int
    seconds: float
    error: str


class Ran(NamedTuple):
    """One run: when, what each pass did, how many seconds it took (None: still running, or it died)."""

    started_at: datetime
    passes: list[Pass]
    took_seconds: float | None
    error: str


def in_order(found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The passes as they ran: the database sorts the names of a document in its own way."""
    names = [*RUN_PASS, *(name for name in found if name not in RUN_PASS)]
    return [(name, found[name]) for name in names if isinstance(found.get(name), dict)]


def passes_of(run: Run) -> list[Pass]:
    """The passes in the order in which they ran, zeros too."""
    return [
        Pass(
            RUN_PASS.get(name, Word(name, name)),
            name,
            int(told["looked_at"]),
            int(told["repaired"]),
            int(told["set_aside"]),
            int(told["left"]),
            float(told["seconds"]),
            str(told.get("error", "")),
        )
        for name, told in in_order(run.found)
    ]


def latest(now: datetime) -> list[Ran]:
    """The newest runs first."""
    rows = Run.objects.filter(started_at__lte=now).order_by("-started_at")[:SHOWN]
    return [
        Ran(
            run.started_at,
            passes_of(run),
            (run.ended_at - run.started_at).total_seconds() if run.ended_at else None,
            run.error,
        )
        for run in rows
    ]
