"""The sender of webhooks: says what is due, many hosts at once, asks addresses for proof, prepares repeats."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event as Flag

import orjson

from config.ground import clock, ids
from notifications.outside import signing
from notifications.outside.rounds import Rounds
from notifications.outside.transport import Answer, Transport
from notifications.outside.wake import Wake
from notifications.webhooks import proving, resending, settling
from notifications.webhooks.outbox import Outbox
from notifications.webhooks.proving import Asked
from notifications.webhooks.settling import Claimed, Outcome

LOOK = 0.25  # seconds between looks for challenges and repeats
CARE = 10.0  # seconds between looks at what has failed for days
MOST_AT_ONCE = 500  # messages on their way, over all hosts
RESOLVERS = 64  # names looked up at once: the system's resolver blocks a thread, for seconds when a name is sick


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every try carries besides its signature: headers that show how far the log is sealed (`size` positions)."""

    size: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Sender(Rounds[Outcome | tuple[Asked, Answer]]):
    """One relay's sender."""

    name = "webhooks"

    def __init__(
        self,
        outbox: Outbox,
        wake: Wake,
        *,
        stamp: Callable[[], Stamp] = Stamp,
        transport: Callable[[], Transport] = Transport,
    ) -> None:
        super().__init__(wake)
        self._outbox = outbox
        self._stamp = stamp
        self._make_transport = transport
        self._cared = self._looked = 0.0

    async def open(self) -> None:
        """Keep connections to hosts, and threads that look up their names."""
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(RESOLVERS, thread_name_prefix="webhooks-dns")
        )
        self._transport = self._make_transport()

    async def close(self) -> None:
        """Hang up."""
        await self._transport.close()

    async def send_due(self) -> bool:
        """Messages first, then what need not be looked for in every round."""
        claimed = await self.ask(settling.claim, MOST_AT_ONCE - self.on_their_way())
        stamp = await self.ask(self._stamp) if claimed else Stamp()
        for message in claimed:
            self.begin(self._send(message, stamp))
        return await self._care()

    def settle(self, back: list[Outcome | tuple[Asked, Answer]]) -> None:
        """Messages together, proofs one by one."""
        outcomes = [one for one in back if isinstance(one, Outcome)]
        proofs = [one for one in back if not isinstance(one, Outcome)]
        try:
            if outcomes:
                settling.settle(outcomes)
            while proofs:
                proving.settle(*proofs[0])
                del proofs[0]
        finally:
            back[:] = [*outcomes, *proofs]

    async def _care(self) -> bool:
        """Look for challenges, repeats and what failed for days; whether a repeat has more to prepare at once."""
        now, more = time.monotonic(), False
        if now - self._looked >= LOOK:
            for asked in await self.ask(proving.claim):
                self.begin(self._prove(asked, await self.ask(self._stamp)))
            more = await self.ask(resending.prepare, self._outbox)
            self._looked = 0.0 if more else now
        if now - self._cared >= CARE:
            self._cared = now
            await self.ask(settling.stop_what_fails)
        return more

    async def _send(self, message: Claimed, stamp: Stamp) -> None:
        at = clock.now()
        headers = dict(stamp.headers)
        headers |= signing.headers(message.secrets, message.public_id, int(at.timestamp()), message.body)
        if message.traceparent:
            headers["traceparent"] = message.traceparent
        answer = await self._transport.post(message.url, headers, message.body)
        self.came_back(Outcome(message, answer, at, stamp.size))

    async def _prove(self, asked: Asked, stamp: Stamp) -> None:
        body = orjson.dumps({"eventType": "webhook.challenge", "payload": {"challenge": asked.token}})
        headers = dict(stamp.headers)
        headers |= signing.headers(asked.secrets, ids.new_id("msg"), int(clock.now().timestamp()), body)
        self.came_back((asked, await self._transport.post(asked.url, headers, body)))


def run(stop: Flag, outbox: Outbox, wake: Wake, stamp: Callable[[], Stamp]) -> None:
    """What the relay's thread runs."""
    asyncio.run(Sender(outbox, wake, stamp=stamp).run(stop))
