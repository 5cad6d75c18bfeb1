"""What every proof gets and gives: a way to ask the database, the simulator's truth, a finding, words for figures."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Finding(NamedTuple):
    """One proof: does it hold, and the figures that say so (or the first rows that do not fit)."""

    name: str
    holds: bool
    figures: str


class Truth(NamedTuple):
    """What the simulator says: its trades by gateway and out_trade_no, and what its forged letters were answered.

    What a person gives back at a gateway's console may be unknown to us until the bills are read, and only until then.
    """

    trades: Mapping[tuple[str, str], Mapping[str, Any]]
    forgeries: Mapping[int, int] = {}  # HTTP status → how many; 0 when nobody answered
    bills_are_read: bool = False


Ask = Callable[..., list[tuple[Any, ...]]]


def some(words: list[Any], most: int = 4) -> str:
    """The first few; empty when there are none."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(map(str, words[:most])) + more


def yuan(minor: Any) -> str:
    """An amount for people, from fen."""
    fen = int(minor)  # sums come as decimals
    return f"{'-' if fen < 0 else ''}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"
