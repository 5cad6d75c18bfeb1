"""The gateways' cryptography: RSA with SHA-256 and AES-256-GCM. The protocol modules call it.

Own code, so that it checks the shop's instead of sharing its mistakes.
"""

import base64
import binascii
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256


def sign(key: rsa.RSAPrivateKey, message: str) -> str:
    """Sign text; base64 of the PKCS #1 v1.5 signature."""
    return base64.b64encode(key.sign(message.encode(), padding.PKCS1v15(), SHA256())).decode()


def verifies(key: rsa.RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether `signature` (base64) of `message` was made with the private half of `key`."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, padding.PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def encrypt(apiv3_key: str, plain: str, associated: str) -> tuple[str, str]:
    """Encrypt a notification's resource; the nonce (12 characters) and the base64 cipher text."""
    nonce = token(12)
    sealed = AESGCM(apiv3_key.encode()).encrypt(nonce.encode(), plain.encode(), associated.encode())
    return nonce, base64.b64encode(sealed).decode()


def token(length: int = 32) -> str:
    """Letters and digits nobody guesses."""
    return secrets.token_hex((length + 1) // 2)[:length]


def digits(length: int) -> str:
    """Digits nobody guesses."""
    return f"{secrets.randbelow(10**length):0{length}d}"


@lru_cache(maxsize=1)
def stray_key() -> rsa.RSAPrivateKey:
    """Make a key that belongs to nobody: what a forger signs with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
