"""Public ids: a prefix that says the kind, and 80 bits in Crockford's base32, unguessable unless derived."""

import hashlib
import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 16  # 16 characters of 5 bits: 2**80 ids, no one walks them


def new_id(kind: str) -> str:
    """A fresh id such as `ord_4k9w2m7x0c8v1z6p`. `kind` is the prefix without the underscore."""
    return _spelled(kind, secrets.randbits(5 * LENGTH))


def derived_id(kind: str, *parts: object) -> str:
    """The one id of what these parts name: the same whenever it is asked for. Whoever knows the parts knows it."""
    said = "\0".join(str(part) for part in parts)
    return _spelled(kind, int.from_bytes(hashlib.sha256(said.encode()).digest()))


def new_secret() -> str:
    """A secret for links, keys and tickets: 256 bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def new_code(digits: int = 4) -> str:
    """A short code people say aloud, such as the door code: digits only, leading zeros kept."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def _spelled(kind: str, bits: int) -> str:
    letters = "".join(ALPHABET[(bits >> (5 * place)) & 31] for place in range(LENGTH))
    return f"{kind}_{letters}"
