"""Moves the soak's time: for the house and for the simulator by the same steps, as fast as nobody has to wait.

driver.py opens one Pace; a slow machine makes a longer soak, not another one.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import httpx

from tests.soak.ticking import Ticking

TICK = 0.03  # seconds between two additions
MOST_LATE = 1.0  # seconds of the soak that an act may be late before time waits for it


class Pace:
    """Inside `with`, at most `speed` seconds of the soak pass in one of ours."""

    def __init__(self, ticking: Ticking, simulator: str, speed: float, lag: Callable[[], float]) -> None:
        self.speed = speed
        self._ticking, self._lag = ticking, lag
        self._gateways = httpx.Client(base_url=simulator, trust_env=False, timeout=20)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._keeper.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """From here on time is real."""
        self._over.set()
        self._keeper.join()
        self._gateways.close()

    def jump(self, moment: datetime) -> None:
        """Let it be that moment now, at least."""
        self._add(max(0.0, (moment - self._ticking.now()).total_seconds()))

    def _keep(self) -> None:
        while not self._over.wait(TICK):
            if self._lag() <= MOST_LATE:
                with suppress(httpx.TransportError):
                    self._add(TICK * (self.speed - 1))

    def _add(self, seconds: float) -> None:
        """The gateways' clock first, so that nothing is paid in our future's past."""
        with self._lock:
            self._gateways.post("/oracle/clock", json={"advance": seconds}).raise_for_status()
            self._ticking.add(seconds)


def after(moment: datetime, seconds: float) -> datetime:
    """So many seconds later."""
    return moment + timedelta(seconds=seconds)
