"""Signed checkpoints: how many leaves the log has, their root, and an Ed25519 signature over both.

The format is C2SP's *signed note* with a *tlog-checkpoint* in it, so that tools for transparency logs can read it:
origin, size and root in base64, an empty line, and `— origin base64(key id + signature)`.
"""

import base64
import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"  # the note format's number for this kind of signature
HEADER = "lockstep-checkpoint"  # carries a note in one line, as base64


class Checkpoint(NamedTuple):
    """What a note says."""

    origin: str
    size: int
    root: bytes


class BadNote(ValueError):
    """The text is no checkpoint signed by this key; the message says what is wrong."""


class Signer:
    """Signs for one origin with the key of 32 bytes."""

    def __init__(self, origin: str, seed: bytes) -> None:
        self.origin = origin
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    @property
    def key(self) -> str:
        """The public key as verifiers want it: `origin+key id+base64`."""
        spelled = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.origin}+{_key_id(self.origin, self.public).hex()}+{spelled}"

    def sign(self, size: int, root: bytes) -> str:
        """Write the note."""
        text = f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        signed = _key_id(self.origin, self.public) + self._key.sign(text.encode())
        return f"{text}\n— {self.origin} {base64.b64encode(signed).decode()}\n"


def in_a_line(note: str) -> str:
    """The note as HEADER carries it: a header has one line of ASCII."""
    return base64.b64encode(note.encode()).decode()


def from_a_line(text: str) -> str:
    """The note that `in_a_line` wrapped. Raises BadNote."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise BadNote("the header is no base64 of a text") from None


def open_note(note: str, key: str) -> Checkpoint:
    """Read a note that this key (as Signer.key spells it) has signed. Raises BadNote."""
    name, _, rest = key.partition("+")
    spelled = base64.b64decode(rest.partition("+")[2])
    text, gap, signatures = note.partition("\n\n")
    text += "\n"
    if not gap:
        raise BadNote("there is no signature below the text")
    wanted = f"— {name} "
    for line in signatures.splitlines():
        signed = base64.b64decode(line.removeprefix(wanted)) if line.startswith(wanted) else b""
        if signed[:4] == _key_id(name, spelled[1:]):
            return _checked(text, signed[4:], Ed25519PublicKey.from_public_bytes(spelled[1:]))
    message = f"it is not signed by {name}"
    raise BadNote(message)


def _checked(text: str, signature: bytes, public: Ed25519PublicKey) -> Checkpoint:
    try:
        public.verify(signature, text.encode())
    except InvalidSignature:
        raise BadNote("the signature does not fit the text") from None
    origin, size, root, *_more = text.splitlines()
    return Checkpoint(origin, int(size), base64.b64decode(root))


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(f"{name}\n".encode() + ED25519 + public).digest()[:4]
