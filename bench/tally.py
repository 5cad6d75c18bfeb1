"""What the processes of one measurement share: small files mapped into memory, so that telling costs nothing.

Moments are of the monotonic clock, which all processes of a machine share.
"""

import mmap
import struct
import time
from array import array
from pathlib import Path

COUNTS = struct.Struct("qqd")  # messages received, messages that will have been sent (0: not known yet), began
MOMENT = struct.Struct("d")


def _mapped(path: str | Path) -> mmap.mmap:
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


class Tally:
    """How many came, for the feeder, and how many will have been sent, for the watchers."""

    def __init__(self, path: str | Path) -> None:
        self._map = _mapped(path)

    @classmethod
    def fresh(cls, path: Path) -> "Tally":
        """Make the file, all zero; whoever has it open sees the zeros too."""
        if path.exists():
            path.open("r+b").write(bytes(COUNTS.size))
        else:
            path.write_bytes(bytes(COUNTS.size))
        return cls(path)

    def read(self) -> tuple[int, int, float]:
        """(received, total or 0, moment of the first send)."""
        received, total, began = COUNTS.unpack_from(self._map)
        return int(received), int(total), float(began)

    def received(self, count: int) -> None:
        """The watchers' half."""
        struct.pack_into("q", self._map, 0, count)

    def begin(self, total: int = 0) -> None:
        """The feeder's half: called before the first send, and with the total after the last."""
        began = self.read()[2] or time.monotonic()
        struct.pack_into("qd", self._map, 8, total, began)


class Moments:
    """When each thing happened, by its number; 0 while it has not."""

    def __init__(self, path: str | Path) -> None:
        self._map = _mapped(path)

    @classmethod
    def fresh(cls, path: Path, count: int) -> "Moments":
        """Make the file, all zero, and leave an earlier one to whoever still has it open."""
        path.unlink(missing_ok=True)
        path.write_bytes(bytes(MOMENT.size * max(1, count)))
        return cls(path)

    def note(self, number: int, moment: float) -> bool:
        """It happened now. False when it had already, or is none of ours."""
        at = number * MOMENT.size
        if not 0 <= at < len(self._map) or MOMENT.unpack_from(self._map, at)[0]:
            return False
        MOMENT.pack_into(self._map, at, moment)
        return True

    def read(self) -> "array[float]":
        """All of them."""
        return array("d", self._map[:])


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of them lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
