"""When is a message tried again, and how long is a sick host left alone? Pure; the sender and settling ask.

`roll` is a number between 0 and 1 that spreads the tries, so that a host that comes back is not met by everybody
at once.
"""

from collections.abc import Callable
from datetime import timedelta

from notifications.outside.retry_after import LONGEST_WAIT

MINUTE, HOUR = 60, 3_600
# seconds before each try, the first one at once
BEFORE_TRY = (
    0, 2, 5, 15, MINUTE, 5 * MINUTE, 30 * MINUTE,
    2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
MOST_TRIES = len(BEFORE_TRY)
JITTER = 0.2
TELL_AFTER = timedelta(hours=1)  # of failing: the owner is told
STOP_AFTER = timedelta(days=5)  # of failing: the endpoint is disabled

TRIP_AFTER = 5  # failures in a row that open a host's circuit
FIRST_BREAK, LONGEST_BREAK = 10, 600  # seconds; doubled each time the one message tried in between fails

Roll = Callable[[], float]


def wait_before(tries: int, roll: float, retry_after: float | None = None) -> float | None:
    """Seconds until the next try when `tries` have failed; None: that was the last one.

    A Retry-After (seconds) only ever makes it longer.
    """
    if tries >= MOST_TRIES:
        return None
    spread = BEFORE_TRY[tries] * (1 - JITTER + 2 * JITTER * roll)
    return max(spread, min(retry_after or 0.0, LONGEST_WAIT))


def break_after(failures: int, openings: int, roll: float) -> float | None:
    """Seconds to leave a host alone after so many failures in a row and earlier breaks; None: not yet."""
    if failures < TRIP_AFTER:
        return None
    return min(LONGEST_BREAK, FIRST_BREAK * 2.0 ** min(openings, 20)) * (1 - JITTER + 2 * JITTER * roll)
