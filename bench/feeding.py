"""What the feeder is told: by whom events are taken, and how many for how long. The legs and the feeder share it."""

from dataclasses import dataclass, field


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
