"""A circuit breaker per channel: after failures in a row the channel rests, so that no buyer waits for a dead gateway.

The adapters wrap each call to their gateway in it. It lives in the process: no shared state, nothing to lose.
"""

import threading
import time
from types import TracebackType

from payments.gateways.base import Resting, Unknown

FAILURES = 5  # in a row: one lost packet says nothing, five do
REST_SECONDS = 10.0  # then one call may try; it alone pays the timeout when the gateway is still away


class Breaker:
    """Use as `with breaker:` around the call. An Unknown counts as a failure; any other end as a success."""

    def __init__(self, name: str, *, failures: int = FAILURES, rest_seconds: float = REST_SECONDS) -> None:
        self._name = name
        self._limit = failures
        self._rest = rest_seconds
        self._lock = threading.Lock()
        self._failed = 0
        self._open_until = 0.0

    @property
    def is_closed(self) -> bool:
        """True when calls pass, also when the next one is the trial after a rest."""
        return self._failed < self._limit or time.monotonic() >= self._open_until

    def __enter__(self) -> None:
        with self._lock:
            if not self.is_closed:
                message = f"{self._name} is resting after {self._failed} failures in a row; nothing was sent"
                raise Resting(message)
            if self._failed >= self._limit:  # this call is the trial; the others keep resting meanwhile
                self._open_until = time.monotonic() + self._rest

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if isinstance(error, Unknown):
                self._failed += 1
                self._open_until = time.monotonic() + self._rest
            else:
                self._failed = 0
