"""What ran by the clock, for Operations: the last hourly checks with everything they looked for, zeros too."""

from datetime import datetime
from typing import NamedTuple

from payments.models import Run

SHOWN = 6


class Ran(NamedTuple):
    """One run: when, what it found by name, how many seconds it took (None: still running, or it died)."""

    started_at: datetime
    found: dict[str, int]
    took_seconds: float | None
    error: str


def latest(now: datetime) -> list[Ran]:
    """The newest runs first."""
    rows = Run.objects.filter(started_at__lte=now).order_by("-started_at")[:SHOWN]
    return [
        Ran(
            run.started_at,
            dict(run.found),
            (run.ended_at - run.started_at).total_seconds() if run.ended_at else None,
            run.error,
        )
        for run in rows
    ]
