"""Delivers notifications on the gateways' real retry schedules, with whatever faults are in force.

The protocols, the cashier and the oracle hand letters over; `resume` takes up what a restart left undelivered.
Sources: WeChat Pay "payment notification" (15 s, 15 s, 30 s, 3 m … 6 h), Alipay "asynchronous notification"
(4 m, 10 m, 10 m, 1 h, 2 h, 6 h, 15 h). All intervals are divided by the time scale.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import httpx

from payments.simulator.book import GatewayName, Letter, Trade
from payments.simulator.world import World

MINUTE, HOUR = 60, 3600
SCHEDULE: Final[dict[GatewayName, tuple[int, ...]]] = {
    "WECHAT": (
        *(15, 15, 30, 3 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE, HOUR),
        *(3 * HOUR, 3 * HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR),
    ),
    "ALIPAY": (4 * MINUTE, 10 * MINUTE, 10 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 15 * HOUR),
}
PATIENCE_SECONDS = 5.0  # how long a gateway waits for the merchant's answer
COPIES = 3  # of a duplicated notification

Variant = Literal["", "forged", "tampered", "stale", "foreign", "serial"]
VARIANTS: Final[tuple[Variant, ...]] = ("forged", "tampered", "stale", "foreign")


class Envelope(NamedTuple):
    """A notification as it goes over the wire."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Held:
    """A letter that waits until one behind it in the queue has passed."""

    place: int
    is_passed: asyncio.Event


Writer = Callable[[World, Trade, Letter, Variant], Envelope]


class Postman:
    """Sends letters from one event loop."""

    def __init__(self, world: World, writers: dict[GatewayName, Writer]) -> None:
        self._world = world
        self._writers = writers
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(PATIENCE_SECONDS, pool=None),  # waiting for its turn is no try
            trust_env=False,
            limits=httpx.Limits(max_connections=64),
        )
        self._rounds: set[asyncio.Task[None]] = set()
        self._places = itertools.count()
        self._held: dict[GatewayName, Held] = {}  # one at a time: two that wait for each other would never go

    @property
    def pending(self) -> int:
        """How many letters are on their way or waiting for their next try, and captures that are still to come."""
        return len(self._rounds)

    def send(self, trade: Trade, letter: Letter) -> None:
        """Start delivering; returns at once."""
        self.run(self._round(trade, letter))

    def lose(self, trade: Trade, letter: Letter) -> None:
        """Never deliver it."""
        self._finish(trade, letter)
        self._world.note("notification lost", trade.no, id=letter.id)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen by and by, until `stop`."""
        task = asyncio.create_task(work)
        self._rounds.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(self._rounds.discard)

    def resume(self) -> None:
        """Go on with the letters that the last run left undelivered."""
        for trade in self._world.book:
            for letter in trade.letters:
                if not letter.done:
                    self.send(trade, letter)

    async def send_first(self, trade: Trade, letter: Letter) -> None:
        """Make the first try now and return after it; the retries follow by themselves."""
        if not await self._try(trade, letter):
            self.send(trade, letter)

    def write(self, trade: Trade, letter: Letter, variant: Variant) -> Envelope:
        """Write a notification without sending it."""
        return self._writers[trade.gateway](self._world, trade, letter, variant)

    async def stop(self) -> None:
        """Give up what is under way; the books remember it."""
        for task in list(self._rounds):
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)
        await self._http.aclose()

    def drop_all(self) -> None:
        """Forget every letter (the oracle's reset)."""
        for task in list(self._rounds):
            task.cancel()

    async def _round(self, trade: Trade, letter: Letter) -> None:
        """Try until acknowledged or the schedule ends."""
        faults, scale = self._world.faults, self._world.time_scale
        refund = trade.find_refund(letter.refund)
        if refund is not None:
            await self._world.clock.reach(refund.done_at)
        place, kind = next(self._places), "refund" if refund else "payment"
        if faults.strikes("lost", kind):
            self.lose(trade, letter)
            return
        if faults.strikes("delayed", kind):
            await asyncio.sleep(self._world.scaled("delayed"))
        if trade.gateway not in self._held and faults.strikes("reordered", kind):
            await self._hold_back(trade, letter, place)
        for wait in (*SCHEDULE[trade.gateway], None):
            is_heard = await self._try(trade, letter)
            held = self._held.get(trade.gateway)
            if held and held.place < place:
                held.is_passed.set()
            if is_heard or wait is None:
                break
            await asyncio.sleep(wait / scale)
        self._finish(trade, letter)

    async def _hold_back(self, trade: Trade, letter: Letter, place: int) -> None:
        """Wait until a later letter of this gateway was sent, or too long."""
        held = self._held[trade.gateway] = Held(place, asyncio.Event())
        try:
            async with asyncio.timeout(self._world.scaled("reordered")):
                await held.is_passed.wait()
            self._world.note("notification overtaken", trade.no, id=letter.id)
        except TimeoutError:
            self._world.faults.take_back("reordered")
        finally:
            self._held.pop(trade.gateway, None)

    async def _try(self, trade: Trade, letter: Letter) -> bool:
        """Send once, after the copies that faults put before it; True when the merchant acknowledged."""
        letter.tries += 1
        faults, kind = self._world.faults, "refund" if letter.refund else "payment"
        if letter.tries == 1:
            for variant in VARIANTS:
                if (variant != "stale" or trade.gateway == "WECHAT") and faults.strikes(variant, kind):
                    await self._post(trade, letter, variant)
        copies = COPIES if faults.strikes("duplicated", kind) else 1
        heard = await asyncio.gather(*(self._post(trade, letter, "") for _ in range(copies)))
        if any(heard):
            self._finish(trade, letter)
        return any(heard)

    async def _post(self, trade: Trade, letter: Letter, variant: Variant) -> bool:
        refund = trade.find_refund(letter.refund)
        url = refund.notify_url if refund and refund.notify_url else trade.notify_url
        envelope = self.write(trade, letter, variant)
        try:
            answer = await self._http.post(url, headers=envelope.headers, content=envelope.body)
            status, said = answer.status_code, answer.content
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            status, said = 0, type(error).__name__.encode()
        self._world.note("notification", trade.no, id=letter.id, variant=variant, status=status, tries=letter.tries)
        if trade.gateway == "WECHAT":
            return status in {200, 204}
        return status == 200 and said.strip() == b"success"

    def _finish(self, trade: Trade, letter: Letter) -> None:
        letter.done = True
        self._world.book.save(trade)
