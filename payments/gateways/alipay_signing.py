"""RSA2 as Alipay uses it: what exactly is signed, in requests, in answers and in notifications.

alipay.py is the only caller. Source: Alipay Open Platform, "signing" (SHA256withRSA over sorted k=v pairs).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key


@lru_cache(maxsize=4)
def _private(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


@lru_cache(maxsize=4)
def _public(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, RSAPublicKey)
    return key


def canonical(params: Mapping[str, str], *, leave_out: frozenset[str]) -> bytes:
    """Sort and join what is signed: `k=v&k=v`, raw values, all but `leave_out`.

    Alipay signs whatever it sends, also what is empty; we send nothing empty.
    """
    return "&".join(f"{key}={params[key]}" for key in sorted(params) if key not in leave_out).encode()


def sign(message: bytes, private_pem: str) -> str:
    """Sign with our key; base64."""
    return base64.b64encode(_private(private_pem).sign(message, PKCS1v15(), SHA256())).decode()


def is_genuine(message: bytes, signature: str, public_pem: str) -> bool:
    """Check a signature of Alipay; malformed base64 is simply not genuine."""
    try:
        _public(public_pem).verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def signed_text(body: str, node: str) -> str:
    """Cut the value of `node` out of an answer exactly as it was sent, for that text is what was signed.

    A JSON decoder finds its end, since a brace inside a subject misleads any counting. Raises ValueError.
    """
    start = body.index(":", body.index(f'"{node}"')) + 1
    start += len(body[start:]) - len(body[start:].lstrip())
    _, end = json.JSONDecoder().raw_decode(body, start)
    return body[start:end]
