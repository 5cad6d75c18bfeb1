"""The sender: says what is due, many hosts at once, in one asyncio loop; a thread of `manage.py relay` runs it.

Each round: (1) settle what came back, (2) claim what is due, (3) send it, (4) wait for an answer, for news or for
half a second. The database is spoken to by one worker thread, between the rounds; nothing is sent inside a
transaction. Killed at any point it loses nothing: claims run out, and the same message goes out again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import TypeVar

import orjson
from django.db import Error, connection

from config.ground import clock, ids
from notifications.outside import signing
from notifications.outside.transport import Answer, Transport
from notifications.outside.wake import Wake
from notifications.webhooks import proving, resending, settling
from notifications.webhooks.outbox import Outbox
from notifications.webhooks.proving import Asked
from notifications.webhooks.settling import Claimed, Outcome

PACE = 0.01  # seconds between two rounds: answers that come together are written down together
POLL = 0.5  # seconds: the net under the wake-up
LOOK = 0.25  # seconds between looks for challenges and repeats
CARE = 10.0  # seconds between looks at what has failed for days
MOST_AT_ONCE = 500  # messages on their way, over all hosts
RESOLVERS = 64  # names looked up at once: the system's resolver blocks a thread, for seconds when a name is sick
LAST_ANSWERS = 5.0  # seconds that answers on their way still have when the relay stops

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every try carries besides its signature: headers that show how far the log is sealed (`size` positions)."""

    size: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Sender:
    """One relay's sender; several relays share the work by claims."""

    def __init__(
        self,
        outbox: Outbox,
        wake: Wake,
        *,
        stamp: Callable[[], Stamp] = Stamp,
        transport: Callable[[], Transport] = Transport,
    ) -> None:
        self._outbox = outbox
        self._wake = wake
        self._stamp = stamp
        self._make_transport = transport
        self._database = ThreadPoolExecutor(1, thread_name_prefix="webhooks-db")
        self._outcomes: list[Outcome] = []
        self._proofs: list[tuple[Asked, Answer]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._cared = self._looked = 0.0

    async def run(self, stop: Flag) -> None:
        """Work until told to stop, through any failure of PostgreSQL."""
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(RESOLVERS, thread_name_prefix="webhooks-dns")
        )
        self._transport = self._make_transport()
        self._news = self._wake.listen()
        try:
            while not stop.is_set():
                more = await self._round()
                if not more:
                    await self._rest()
            await self._finish()
        finally:
            await self._transport.close()
            await self._ask(_hang_up)
            self._database.shutdown()

    async def _round(self) -> bool:
        """One round; whether there is surely more to do at once."""
        try:
            await self._settle()
            claimed = await self._ask(settling.claim, MOST_AT_ONCE - len(self._running))
            stamp = await self._ask(self._stamp) if claimed else Stamp()
            for message in claimed:
                self._begin(self._send(message, stamp))
            more = await self._care()
        except Error as error:
            logger.warning("webhooks pause: %s", error)
            await self._ask(_hang_up)
            return False
        return more or bool(self._outcomes)

    async def _settle(self) -> None:
        """Write down what came back. When PostgreSQL fails it is kept for the next round."""
        outcomes, proofs = self._outcomes, self._proofs
        self._outcomes, self._proofs = [], []
        try:
            if outcomes:
                await self._ask(settling.settle, outcomes)
            for asked, answer in proofs:
                await self._ask(proving.settle, asked, answer)
        except Error:
            self._outcomes, self._proofs = outcomes + self._outcomes, proofs + self._proofs
            raise

    async def _care(self) -> bool:
        """What need not be looked for in every round: challenges, repeats, endpoints that failed for days.

        Returns whether a repeat has more to prepare at once.
        """
        now, more = time.monotonic(), False
        if now - self._looked >= LOOK:
            for asked in await self._ask(proving.claim):
                self._begin(self._prove(asked, await self._ask(self._stamp)))
            more = await self._ask(resending.prepare, self._outbox)
            self._looked = 0.0 if more else now
        if now - self._cared >= CARE:
            self._cared = now
            await self._ask(settling.stop_what_fails)
        return more

    async def _rest(self) -> None:
        await asyncio.sleep(PACE)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), POLL)
        self._news.clear()

    async def _finish(self) -> None:
        """Give answers that are on their way a moment; what is not back by then is tried again after its lease."""
        if self._running:
            await asyncio.wait(self._running, timeout=LAST_ANSWERS)
        for task in self._running:
            task.cancel()
        try:
            await self._settle()
        except Error as error:
            logger.warning("webhooks stop without their last answers: %s", error)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _send(self, message: Claimed, stamp: Stamp) -> None:
        at = clock.now()
        headers = dict(stamp.headers)
        headers |= signing.headers(message.secrets, message.public_id, int(at.timestamp()), message.body)
        if message.traceparent:
            headers["traceparent"] = message.traceparent
        answer = await self._transport.post(message.url, headers, message.body)
        self._outcomes.append(Outcome(message, answer, at, stamp.size))
        self._news.set()

    async def _prove(self, asked: Asked, stamp: Stamp) -> None:
        body = orjson.dumps({"eventType": "webhook.challenge", "payload": {"challenge": asked.token}})
        headers = dict(stamp.headers)
        headers |= signing.headers(asked.secrets, ids.new_id("msg"), int(clock.now().timestamp()), body)
        answer = await self._transport.post(asked.url, headers, body)
        self._proofs.append((asked, answer))  # not before: a round may have begun a new list meanwhile
        self._news.set()

    async def _ask(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, work, *arguments)


def _hang_up() -> None:
    """Close the calling thread's own connection."""
    connection.close()


def run(stop: Flag, outbox: Outbox, wake: Wake, stamp: Callable[[], Stamp]) -> None:
    """What the relay's thread runs."""
    asyncio.run(Sender(outbox, wake, stamp=stamp).run(stop))
