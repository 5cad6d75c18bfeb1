"""What feeder and writer are told: who takes the events, how many, for how long; and what an event says."""

from dataclasses import dataclass, field
from typing import Any

DATA: dict[str, Any] = {
    "status": "CONFIRMED", "word": "CONFIRMED", "facts": {"time": "12:40", "n": 15, "m": 0}, "minutes": 15,
    "window": ["2026-01-01T04:40:00+00:00", "2026-01-01T04:50:00+00:00"], "readyBy": "2026-01-01T04:35:00+00:00",
}  # fmt: skip
MINUTES = 424_242  # stands in a model for a number that changes each time, so that a screen changes too


@dataclass
class Feed:
    """Every event of `topics` reaches `each` sockets; `way` is one of feeder.WAYS, `port` the server's."""

    way: str
    topics: list[str]
    each: int
    tally: str
    port: int = 0
    redis_url: str = ""


@dataclass
class Phase:
    """`rate` events a second, 0 for as many as are taken; `only` these topics; `pad` bytes more in each."""

    seconds: float
    rate: float = 0.0
    window: int = 6_000  # messages on their way at most
    pad: int = 0
    only: list[str] = field(default_factory=list)


@dataclass
class Job:
    """What the writer changes.

    `text` is SQL that changes the order `model` (public id, key, version); `commits` and `screen_commits` are files of
    Moments. `screen` is one order more, as (public id, key, version), that changes now and then.
    """

    text: str
    model: tuple[str, int, int]
    orders: list[tuple[str, int]]  # (public id, key), all at `version`
    version: int
    tally: str
    commits: str
    screen_commits: str
    screen: tuple[str, int, int] | None = None
    direct: bool = False
    epoch: int = 0
