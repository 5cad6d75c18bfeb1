"""SMS: the port, the log adapter of the demo, and one adapter that speaks HTTP to a gateway; the sender calls it.

What the gateway gets, at LOCKSTEP_SMS_URL (https; http only in development):

    POST <url>
    content-type: application/json
    webhook-id: let_…                  the same on every try: a gateway that knows it sends nothing and says 2xx
    webhook-timestamp: 1795910400      seconds; older than five minutes is to be refused
    webhook-signature: v1,<base64>     HMAC-SHA256 of `id.timestamp.body` under LOCKSTEP_SMS_SECRET (whsec_…)

    {"id": "let_…", "to": "+8613800132071", "text": "…", "language": "zh-hans"}

Any 2xx: it took the message. 408, 425, 429 and 5xx, or no answer in 10 s: tried again with pauses, a Retry-After in
seconds or as a date is kept. Any other answer is final. Nothing that it replies is read; no redirect is followed.
"""

import json
import logging
import time
from typing import Protocol

import httpx
from django.conf import settings

from config.ground import clock
from notifications.letters.settling import Answer, Claimed
from notifications.outside import retry_after, signing

SECONDS = 10.0
COUNTRY = "+86"  # every number that we keep is a mainland mobile number
AGAIN = frozenset({408, 425, 429})

logger = logging.getLogger(__name__)


class Sms(Protocol):
    """The port: whoever carries an SMS. Never raises for what the other side does."""

    async def send(self, claimed: Claimed) -> Answer:
        """One try; `claimed.to` are the eleven digits, opened for this moment."""

    async def close(self) -> None:
        """Hang up."""


class LogSms:
    """For the demo: says in the log that there was one, neither to whom nor what; its words lie in the inbox."""

    async def send(self, claimed: Claimed) -> Answer:
        """Take it."""
        logger.info("sms %s, %s characters", claimed.letter.public_id, len(claimed.letter.text))
        return Answer()

    async def close(self) -> None:
        """Nothing is open."""


class HttpSms:
    """The contract above. The address is ours (from the environment), so it may lie in our own network."""

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._secret = url, secret
        self._client = httpx.AsyncClient(timeout=SECONDS, trust_env=False, follow_redirects=False)

    async def send(self, claimed: Claimed) -> Answer:
        """One POST."""
        letter = claimed.letter
        said = {"id": letter.public_id, "to": COUNTRY + claimed.to, "text": letter.text, "language": letter.language}
        body = json.dumps(said, ensure_ascii=False).encode()
        at = int(clock.now().timestamp())
        headers = {"content-type": "application/json", **signing.headers([self._secret], letter.public_id, at, body)}
        began = time.monotonic()
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                status, wait = response.status_code, response.headers.get("retry-after", "")
        except httpx.HTTPError as error:
            return Answer(f"no SMS gateway: {type(error).__name__}", ms=_since(began))
        if 200 <= status < 300:
            return Answer(ms=_since(began))
        return Answer(
            f"the SMS gateway said {status}",
            is_final=status < 500 and status not in AGAIN,
            ms=_since(began),
            retry_after=retry_after.seconds_asked(status, wait, clock.now()) or 0.0,
        )

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()


def chosen() -> Sms:
    """The gateway of the environment, else the log."""
    return HttpSms(settings.SMS_URL, settings.SMS_SECRET) if settings.SMS_URL else LogSms()


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
