"""The time of a soak: real time plus what its driver has added; every process of the house maps the same few numbers.

The driver adds (a payment deadline comes in seconds instead of minutes, a night in one step), the house's processes
read: `install` puts the sum where the product asks what time it is. The simulator has a clock of its own, which the
driver moves by the same steps.
"""

import mmap
import os
import signal
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.ground import clock
from config.local import processes

SLOT = 8  # bytes
WORKERS = 8  # at most


class Ticking:
    """One file of numbers: seconds ahead of real time, then one counter of rounds per worker."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        if fresh:
            path.write_bytes(bytes(SLOT * (1 + WORKERS)))
        with path.open("r+b") as file:
            self._numbers = mmap.mmap(file.fileno(), 0)

    @property
    def ahead(self) -> float:
        """Seconds added so far."""
        return float(struct.unpack_from("<d", self._numbers, 0)[0])

    def add(self, seconds: float) -> None:
        """Let time pass; only the driver does."""
        struct.pack_into("<d", self._numbers, 0, self.ahead + seconds)

    def now(self) -> datetime:
        """What time it is for everybody here."""
        return datetime.now(tz=UTC) + timedelta(seconds=self.ahead)

    def went_round(self, worker: int) -> None:
        """Count one round in which each frequent task of a worker ran."""
        struct.pack_into("<Q", self._numbers, SLOT * (1 + worker), self._rounds(worker) + 1)

    def rounds(self, workers: int) -> tuple[int, ...]:
        """How many rounds each of the first so many workers has made."""
        return tuple(self._rounds(worker) for worker in range(workers))

    def _rounds(self, worker: int) -> int:
        return int(struct.unpack_from("<Q", self._numbers, SLOT * (1 + worker))[0])


def install(path: Path) -> Ticking:
    """Make this process live in the soak's time. Before Django is set up: models remember the function they import."""
    ticking = Ticking(path)
    clock.now = clock.of_the_database = ticking.now
    clock.of_the_database = ticking.now  # deadlines are judged by the database's clock, which cannot be moved
    return ticking


def die_with(parent: int) -> None:
    """Let the kernel end this process when its parent ends, also when that happened already."""
    processes.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
