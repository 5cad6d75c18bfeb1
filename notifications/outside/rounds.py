"""The rounds of a sender, which says to others what is due: webhooks and letters have one each, in a thread of `relay`.

Each round: (1) settle what came back, (2) claim what is due and begin to send it, (3) wait for an answer, for news or
for half a second. All in one asyncio loop; the database is spoken to by one worker thread, between the rounds, and
nothing is sent inside a transaction. Killed at any point it loses nothing: claims run out, and what they held goes out
again.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event as Flag
from typing import Generic, TypeVar

from django.db import Error, connections

from notifications.log.wire import give_up_when_frozen
from notifications.outside.wake import Wake

PACE = 0.01  # seconds between two rounds: answers that come together are written down together
POLL = 0.5  # seconds: the net under the wake-up
LAST_ANSWERS = 5.0  # seconds that answers on their way still have when the relay stops

T = TypeVar("T")
Back = TypeVar("Back")
logger = logging.getLogger(__name__)


class Rounds(ABC, Generic[Back]):
    """One relay's rounds; several relays share the work by claims. `Back` is what is known when something was sent."""

    name: str  # in the log, and of the thread that speaks to the database

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._database = ThreadPoolExecutor(1, thread_name_prefix=f"{self.name}-db")
        self._back: list[Back] = []
        self._on_their_way: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Take what is held as long as the loop runs."""

    @abstractmethod
    async def send_due(self) -> bool:
        """Claim what is due and begin to send it; whether there is surely more at once. May raise Django's Error."""

    @abstractmethod
    def settle(self, back: list[Back]) -> None:
        """Write down what came back, each taken off the list when it is; called in the thread of the database.

        Raises Django's Error when PostgreSQL fails: what is still on the list is kept for the next round.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of what `open` took."""

    async def run(self, stop: Flag) -> None:
        """Work until told to stop, through any failure of PostgreSQL."""
        self._news = self._wake.listen()
        await self.open()
        try:
            while not stop.is_set():
                try:
                    await self._go_on(stop)
                except Error as error:
                    logger.warning("%s pause: %s", self.name, error)
                    await self.ask(connections.close_all)
                    await self._rest()
            await self._finish()
        finally:
            await self.close()
            await self.ask(connections.close_all)
            self._database.shutdown()

    def begin(self, work: Coroutine[None, None, None], name: str = "") -> None:
        """Send beside everything else that is on its way."""
        task = asyncio.create_task(work, name=name)
        self._on_their_way.add(task)
        task.add_done_callback(self._on_their_way.discard)

    def on_their_way(self, name: str = "") -> int:
        """How many were begun by this name, or by any, and are not back."""
        return sum(not name or task.get_name() == name for task in self._on_their_way)

    def came_back(self, back: Back) -> None:
        """Something is known of what was sent."""
        self._back.append(back)
        self._news.set()

    async def ask(self, work: Callable[..., T], *arguments: object) -> T:
        """Have it done in the thread of the database."""
        return await asyncio.get_running_loop().run_in_executor(self._database, work, *arguments)

    async def _go_on(self, stop: Flag) -> None:
        """Go round in one session of the database."""
        await self.ask(give_up_when_frozen)
        while not stop.is_set():
            await self._settle()
            more = await self.send_due()
            if not (more or self._back):
                await self._rest()

    async def _settle(self) -> None:
        back, self._back = self._back, []
        try:
            if back:
                await self.ask(self.settle, back)
        except Error:
            self._back = back + self._back
            raise

    async def _rest(self) -> None:
        await asyncio.sleep(PACE)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), POLL)
        self._news.clear()

    async def _finish(self) -> None:
        """Give answers that are on their way a moment; what is not back by then is tried again after its lease."""
        if self._on_their_way:
            await asyncio.wait(self._on_their_way, timeout=LAST_ANSWERS)
        for task in list(self._on_their_way):
            task.cancel()
        try:
            await self._settle()
        except Error as error:
            logger.warning("%s stop without their last answers: %s", self.name, error)
