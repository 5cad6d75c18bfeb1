"""Field encryption: AES-256-GCM with key ids, and keyed fingerprints for look-up.

Stored form: one version byte, one length byte, the key id, a 12-byte nonce, the cipher text with its tag.
The associated data says where the value lives (`table|column|row`), so a cipher text copied to
another row does not open there. Keys come from settings.VAULT_KEYS ({id: 32 bytes}); the first one
seals, all of them open. Source: NIST SP 800-38D.
"""

import hashlib
import hmac
import json
import os
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

FORMAT = 1
NONCE_BYTES = 12


class SealBroken(Exception):
    """The value was changed, moved to another row, or sealed with a key we do not have."""


@cache
def _cipher(key_id: str) -> AESGCM:
    return AESGCM(settings.VAULT_KEYS[key_id])


def seal(value: str | bytes, place: str) -> bytes:
    """Encrypt `value` for `place` (`table|column|row`)."""
    key_id = next(iter(settings.VAULT_KEYS))
    nonce = os.urandom(NONCE_BYTES)
    plain = value.encode() if isinstance(value, str) else value
    name = key_id.encode()
    return bytes([FORMAT, len(name)]) + name + nonce + _cipher(key_id).encrypt(nonce, plain, place.encode())


def unseal(sealed: bytes | memoryview, place: str) -> bytes:
    """Decrypt what `seal` made for the same `place`. Raises SealBroken."""
    raw = bytes(sealed)
    try:
        if raw[0] != FORMAT:
            message = f"unknown vault format {raw[0]}"
            raise SealBroken(message)
        start = 2 + raw[1]
        key_id = raw[2:start].decode()
        nonce, body = raw[start : start + NONCE_BYTES], raw[start + NONCE_BYTES :]
        return _cipher(key_id).decrypt(nonce, body, place.encode())
    except (InvalidTag, KeyError, IndexError, UnicodeDecodeError) as error:
        message = f"a sealed value does not open at {place}"
        raise SealBroken(message) from error


def seal_json(value: Any, place: str) -> bytes:
    """Seal a small JSON document."""
    return seal(json.dumps(value, ensure_ascii=False, separators=(",", ":")), place)


def unseal_json(sealed: bytes | memoryview, place: str) -> Any:
    """Open what `seal_json` made."""
    return json.loads(unseal(sealed, place))


def fingerprint(value: str, purpose: str) -> bytes:
    """A keyed hash for equality look-up (HMAC-SHA256, 32 bytes); different purposes never match."""
    return hmac.digest(settings.FINGERPRINT_KEY, f"{purpose}|{value}".encode(), hashlib.sha256)
