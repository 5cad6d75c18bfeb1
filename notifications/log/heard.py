"""What a reader of the log is handed: one event, read-only; handlers in every app take it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Heard:
    """One numbered event. `at` is aware UTC; `data` is everyone's part, `only` what single roles see besides.

    `topics` are where it is heard besides its own stream.
    """

    position: int
    stream: str
    version: int
    type: str
    data: Mapping[str, Any]
    only: Mapping[str, Mapping[str, Any]]
    actor: str
    account: str
    at: datetime
    traceparent: str
    topics: Sequence[str] = ()

    @property
    def ref(self) -> str:
        """The public id in the stream's name: `ord_x` of `order/ord_x`."""
        return self.stream.partition("/")[2]


Handler = Callable[[Heard], None]
HearAll = Callable[[Sequence[Heard]], None]
"""A handler's `hear_all`, if it has one: hears several events in one transaction, to the same effect as one by one.

It takes its locks in one order over all of them. When it raises, the events are heard one by one instead.
"""


def hears(*types: str) -> Callable[[Handler], Handler]:
    """Mark a handler as interested in these event types only; the reader passes over the others in one step."""

    def mark(handler: Handler) -> Handler:
        handler.hears = frozenset(types)  # type: ignore[attr-defined]
        return handler

    return mark
