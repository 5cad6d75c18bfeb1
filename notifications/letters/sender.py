"""The sender: sends what is due by every channel at once, in one asyncio loop; a thread of `manage.py relay` runs it.

Not a Celery task: the slow queue also checks a day's bills, and a letter would wait behind it. Each round: (1) settle
what came back, (2) claim what is due, (3) send it, (4) wait for an answer, for news or for half a second. The
database is spoken to by one worker thread, between the rounds; nothing is sent inside a transaction.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event as Flag
from typing import Protocol, TypeVar

from django.conf import settings
from django.db import Error, connections

from config.ground import clock
from notifications.letters import mail, push, settling, sms
from notifications.letters.models import Channel, Letter
from notifications.letters.office import Office
from notifications.letters.settling import Answer, Claimed, Outcome, Reach
from notifications.outside.wake import Wake

POLL = 0.5  # seconds: the net under the wake-up
MOST_AT_ONCE = 8  # letters of one channel on their way
WALL_SECONDS = 30.0  # one try, whatever happens; the lease is longer
LAST_ANSWERS = 5.0  # seconds that answers on their way still have when the relay stops

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Carrier(Protocol):
    """Sends a letter by one channel. Never raises for what the other side does."""

    async def send(self, claimed: Claimed) -> Answer:
        """One try."""

    async def close(self) -> None:
        """Hang up."""


@dataclass(frozen=True)
class Way:
    """One channel: where a letter's person is reached by it, and who carries it."""

    reach: Reach
    carrier: Carrier


class Post:
    """E-mail by Django's backend, which blocks, so each letter has a thread."""

    async def send(self, claimed: Claimed) -> Answer:
        """Hand it over in a thread."""
        return await asyncio.to_thread(mail.send, claimed)

    async def close(self) -> None:
        """Nothing is kept open."""


class Sender:
    """One relay's sender; several relays share the work by claims."""

    def __init__(self, office: Office, wake: Wake, ways: Mapping[str, Way]) -> None:
        self._office, self._wake, self._ways = office, wake, ways
        self._database = ThreadPoolExecutor(1, thread_name_prefix="letters-db")
        self._outcomes: list[Outcome] = []
        self._running: dict[asyncio.Task[None], str] = {}

    async def run(self, stop: Flag) -> None:
        """Work until told to stop, through any failure of PostgreSQL."""
        self._news = self._wake.listen()
        try:
            while not stop.is_set():
                if not await self._round():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), POLL)
                    self._news.clear()
            await self._finish()
        finally:
            for way in self._ways.values():
                await way.carrier.close()
            await self._ask(connections.close_all)
            self._database.shutdown()

    async def _round(self) -> bool:
        """One round; whether there is surely more to do at once."""
        try:
            await self._settle()
            for channel, way in self._ways.items():
                free = MOST_AT_ONCE - sum(one == channel for one in self._running.values())
                for claimed in await self._ask(settling.claim, self._office, channel, free, way.reach):
                    task = asyncio.create_task(self._send(way.carrier, claimed))
                    self._running[task] = channel
                    task.add_done_callback(self._running.pop)
        except Error as error:
            logger.warning("letters pause: %s", error)
            await self._ask(connections.close_all)
            return False
        return bool(self._outcomes)

    async def _send(self, carrier: Carrier, claimed: Claimed) -> None:
        at = clock.now()
        try:
            async with asyncio.timeout(WALL_SECONDS):
                answer = await carrier.send(claimed)
        except TimeoutError:
            answer = Answer(f"no answer in {WALL_SECONDS:g} s")
        except Exception as error:
            logger.exception("letter %s was not sent", claimed.letter)
            answer = Answer(type(error).__name__)
        self._outcomes.append(Outcome(claimed, answer, at))
        self._news.set()

    async def _settle(self) -> None:
        """Write down what came back. When PostgreSQL fails it is kept for the next round."""
        outcomes, self._outcomes = self._outcomes, []
        try:
            if outcomes:
                await self._ask(settling.settle, outcomes)
        except Error:
            self._outcomes = outcomes + self._outcomes
            raise

    async def _finish(self) -> None:
        """Give answers that are on their way a moment; what is not back by then is tried again after its lease."""
        if self._running:
            await asyncio.wait(self._running, timeout=LAST_ANSWERS)
        for task in list(self._running):
            task.cancel()
        try:
            await self._settle()
        except Error as error:
            logger.warning("letters stop without their last answers: %s", error)

    async def _ask(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, work, *arguments)


def ways(office: Office) -> dict[str, Way]:
    """Every channel that this installation has."""

    def known(letter: Letter) -> str:
        return office.directory.address_of(letter.person, letter.channel)

    found: dict[str, Way] = {Channel.EMAIL: Way(known, Post()), Channel.SMS: Way(known, sms.chosen())}
    if settings.PUSH:
        found[Channel.PUSH] = Way(push.reach, push.Push())
    return found


def run(stop: Flag, office: Office, wake: Wake) -> None:
    """What the relay's thread runs."""

    async def work() -> None:
        await Sender(office, wake, ways(office)).run(stop)

    asyncio.run(work())
