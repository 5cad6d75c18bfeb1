"""Single-use tickets: a program or page shows one in the address of a live line, where no header can go.

The API hands them out, door.py spends them. They live in Redis for half a minute: a lost one costs asking again.
"""

import hashlib

from config.ground import ids, vault
from config.ground.vault import SealBroken
from notifications.live.person import Credential
from notifications.log.wire import channel, redis_connection

SECONDS = 30
PLACE = "live|ticket"


def issue(credential: Credential) -> str:
    """Make a ticket that lets in whoever shows it, once, as the one who has this credential. Raises RedisError."""
    secret = ids.new_secret()
    redis_connection().set(_name(secret), vault.seal_json(list(credential), PLACE), ex=SECONDS)
    return secret


def spend(secret: str) -> Credential | None:
    """Take the credential of a ticket; None when there is none, or not any more. Raises RedisError."""
    sealed = redis_connection().getdel(_name(secret))
    if not isinstance(sealed, bytes):
        return None
    try:
        return Credential(*vault.unseal_json(sealed, PLACE))
    except SealBroken:
        return None


def _name(secret: str) -> str:
    return channel(f"ticket:{hashlib.sha256(secret.encode()).hexdigest()}")
