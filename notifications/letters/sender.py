"""The sender of letters: sends what is due by every channel at once.

Not a Celery task: the slow queue also checks a day's bills, and a letter would wait behind it.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event as Flag
from typing import Protocol

from django.conf import settings

from config.ground import clock
from notifications.letters import mail, push, settling, sms
from notifications.letters.models import Channel, Letter
from notifications.letters.office import Office
from notifications.letters.settling import Answer, Claimed, Outcome, Reach
from notifications.outside.rounds import Rounds
from notifications.outside.wake import Wake

MOST_AT_ONCE = 8  # letters of one channel on their way
WALL_SECONDS = 30.0  # one try, whatever happens; the lease is longer

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


class Sender(Rounds[Outcome]):
    """One relay's sender."""

    name = "letters"

    def __init__(self, office: Office, wake: Wake, ways: Mapping[str, Way]) -> None:
        super().__init__(wake)
        self._office, self._ways = office, ways

    async def close(self) -> None:
        """Hang up, each carrier."""
        for way in self._ways.values():
            await way.carrier.close()

    async def send_due(self) -> bool:
        """As many of each channel as may be on their way; never more at once."""
        for channel, way in self._ways.items():
            free = MOST_AT_ONCE - self.on_their_way(channel)
            for claimed in await self.ask(settling.claim, self._office, channel, free, way.reach):
                self.begin(self._send(way.carrier, claimed), channel)
        return False

    def settle(self, back: list[Outcome]) -> None:
        """All together."""
        settling.settle(back)

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
        self.came_back(Outcome(claimed, answer, at))


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
