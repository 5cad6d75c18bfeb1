"""Signatures of Standard Webhooks (standardwebhooks.com, specification 1.0): made by the sender, checked by the sink.

A secret is `whsec_` and 32 random bytes in base64; what is signed is `id.timestamp.body`. While a secret is being
replaced, both sign, the new one first.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32
TOLERANCE = 300  # seconds a timestamp may be off
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class SignatureWrong(Exception):
    """Not sent by who holds the secret, changed on the way, or too old."""


def new_secret() -> str:
    """A fresh secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature: `v1,<base64 HMAC-SHA256>`."""
    said = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), said, hashlib.sha256)).decode()


def headers(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message, signed by each secret."""
    signatures = " ".join(sign(secret, message_id, timestamp, body) for secret in keys)
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: signatures}


def verify(secret: str, received: Mapping[str, str], body: bytes, now: int) -> None:
    """Check the headers (names in lower case) of a body. Raises SignatureWrong."""
    try:
        timestamp = int(received[TIMESTAMP])
        message_id, given = received[ID], received[SIGNATURE]
    except (KeyError, ValueError):
        raise SignatureWrong("a header is missing or no number") from None
    if abs(now - timestamp) > TOLERANCE:
        raise SignatureWrong("the timestamp is too old or in the future")
    wanted = sign(secret, message_id, timestamp, body)
    if not any(hmac.compare_digest(wanted, one) for one in given.split(" ")):
        raise SignatureWrong("no signature fits")


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is whsec_ and base64") from error
