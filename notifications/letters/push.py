"""Web Push: one letter as an encrypted message to one browser (RFC 8030, 8188, 8291, 8292); the sender calls it.

The push service is a stranger that a browser named, so it is spoken to through the transport of webhooks: checked
addresses only, no redirects. It sees how long the message may wait and that a newer one of the same order replaces
it, never a word.
"""

import hashlib
import json
from io import BytesIO

from cryptography.hazmat.primitives import serialization
from django.conf import settings
from webpush import WebPush, WebPushSubscription

from config.ground import clock
from notifications.letters import subscriptions, vapid
from notifications.letters.models import About, Letter, PushSubscription
from notifications.letters.settling import Answer, Claimed
from notifications.outside.retry_after import seconds_asked
from notifications.outside.transport import Transport

TTL_SECONDS = 4 * 3_600  # how long a push service keeps it for a browser that is off; then it is old news
WALL_SECONDS = 15.0
GONE = frozenset({404, 410})  # RFC 8030, 7.3
FINAL = frozenset({400, 401, 403, 413})


def reach(letter: Letter) -> str:
    """The browser that the letter is for: an opened subscription as JSON; empty when it is gone."""
    found = PushSubscription.objects.filter(public_id=letter.device, account=letter.person).first()
    return json.dumps(subscriptions.opened(found)) if found else ""


def payload(letter: Letter) -> bytes:
    """What the service worker reads: words and a page of ours, and which earlier notice it replaces (never a later)."""
    path = letter.link.removeprefix(settings.PUBLIC_URL) or "/"
    said = {
        "title": letter.subject, "body": letter.text, "path": path, "lang": letter.language,
        "tag": letter.stream, "position": letter.position,
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False).encode()


def encrypted(told: dict[str, str], said: bytes) -> bytes:
    """The body for one browser (RFC 8291), by the webpush package."""
    ours, pem = vapid.private_key(), serialization.Encoding.PEM
    private = ours.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = ours.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    packer = WebPush(private, BytesIO(public), subscriber=vapid.contact())
    keys = {"p256dh": told["p256dh"], "auth": told["auth"]}
    browser = WebPushSubscription.model_validate({"endpoint": told["endpoint"], "keys": keys})
    return bytes(packer.get(said, browser).encrypted)


def headers(letter: Letter, endpoint: str) -> dict[str, str]:
    """Who we are (for this service's origin alone), how long it may wait, how soon it matters, what it replaces."""
    topic = hashlib.sha256(letter.stream.encode()).digest()[:24]  # 32 letters at most (RFC 8030, 5.4)
    return {
        "authorization": vapid.authorization(endpoint),
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "ttl": str(TTL_SECONDS),
        "urgency": "low" if letter.about == About.MARKETING else "high",
        "topic": vapid.encoded(topic),
    }


class Push:
    """The carrier: one POST to the browser's push service."""

    def __init__(self, transport: Transport | None = None) -> None:
        self._transport = transport or Transport(private=settings.PUSH_PRIVATE_HOSTS, wall_seconds=WALL_SECONDS)

    async def send(self, claimed: Claimed) -> Answer:
        """One try. 404 and 410 mean that the browser took its subscription back."""
        told = json.loads(claimed.to)
        body = encrypted(told, payload(claimed.letter))
        answer = await self._transport.post(told["endpoint"], headers(claimed.letter, told["endpoint"]), body)
        if answer.is_heard:
            return Answer(ms=answer.ms)
        status = answer.status or 0
        return Answer(
            answer.error or f"the push service said {status}",
            is_final=status in FINAL or answer.error.startswith("not a public address"),
            is_gone=status in GONE,
            ms=answer.ms,
            retry_after=seconds_asked(answer.status, answer.retry_after, clock.now()) or 0.0,
        )

    async def close(self) -> None:
        """Hang up everywhere."""
        await self._transport.close()
