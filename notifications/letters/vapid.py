"""Who we are to a browser's push service (RFC 8292): one key, its public half, and what each message says of us."""

import base64
import time
from functools import cache
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from notifications.letters import subscriptions

TOKEN_SECONDS = 12 * 3_600  # RFC 8292, 2: at most 24 h


def private_key() -> ec.EllipticCurvePrivateKey:
    """The key of settings.VAPID_KEY. Raises ValueError when it is none."""
    return _read(settings.VAPID_KEY)


def public_key() -> str:
    """Our public key as browsers want it when they subscribe."""
    point = private_key().public_key()
    return encoded(point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint))


def contact() -> str:
    """Whom a push service may write to: an address of ours."""
    return settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip(">")


def authorization(endpoint: str) -> str:
    """The header that says who we are, for this service's origin alone."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",  # the origin with its port, which the package leaves out
        "exp": int(time.time()) + TOKEN_SECONDS,
        "sub": f"mailto:{contact()}",
    }
    token = jwt.encode(claims, private_key(), algorithm="ES256")
    return f"vapid t={token}, k={public_key()}"


def encoded(raw: bytes) -> str:
    """base64url without padding, as all of Web Push writes bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def _read(text: str) -> ec.EllipticCurvePrivateKey:
    raw = subscriptions.decoded(text)
    if len(raw) != 32:
        raise ValueError("LOCKSTEP_VAPID_KEY is not 32 bytes in base64url")
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())
