"""The gateways' business time: real, unless a test moved it. Refunds and late captures wait for their moment here."""

import asyncio
import time

LONGEST_SECONDS = 86_400.0  # of one sleep; a further moment is waited for in several


class Clock:
    """Now, and whoever waits for later. Signatures carry real time, not this one."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._moved = asyncio.Event()

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.ahead

    def set_ahead(self, seconds: float) -> None:
        """Move the clock; whoever waits looks at it again."""
        self.ahead = seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def reach(self, moment: float) -> None:
        """Return when it is `moment`, by itself or because the clock was moved."""
        while (left := moment - self.now()) > 0:
            moved = self._moved
            try:
                async with asyncio.timeout(min(left, LONGEST_SECONDS)):
                    await moved.wait()
            except TimeoutError:
                continue
