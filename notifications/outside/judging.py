"""May an address that somebody gave us be called at all? Pure but for its setting; forms and services ask.

Only its form is judged; where the name leads is checked again when it is called (transport.py), which takes the
address apart by the same parser.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import httpx
from django.conf import settings

from notifications.outside.addresses import is_public, literal

DEFAULT_PORTS = {"http": 80, "https": 443}
NEVER_PUBLIC = {"localhost", "local", "internal", "localdomain", "home", "lan", "intranet"}  # no public name ends so
MAX_LENGTH = 500  # characters, as long as an order keeps
NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))+")  # after IDNA: ASCII labels and dots
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as a last label it makes the whole name an IPv4 address (WHATWG URL, 3.5)


class Judged(NamedTuple):
    """`host` with a port that is not the scheme's (empty: not an address at all), and whether it may be called."""

    host: str
    may_be_called: bool


def judge(url: str, *, private: Sequence[str] | None = None, longest: int = MAX_LENGTH) -> Judged:
    """Take an address apart and judge its form; `private` hosts may be called (the setting's). Never raises."""
    nothing = Judged("", may_be_called=False)
    if not url.isprintable() or any(letter in url for letter in ' \\#"<>') or len(url) > longest:
        return nothing
    try:
        parts = httpx.URL(url)
        name = parts.raw_host.decode("ascii").lower().removesuffix(".")
    except (httpx.InvalidURL, ValueError):
        return nothing
    if parts.scheme not in DEFAULT_PORTS or not name or b"@" in parts.netloc or parts.userinfo:
        return nothing
    port = parts.port
    shown = f"[{name}]" if ":" in name else name
    host = shown if port in {None, DEFAULT_PORTS[parts.scheme]} else f"{shown}:{port}"
    if host in (settings.WEBHOOK_PRIVATE_HOSTS if private is None else private):
        return Judged(host, may_be_called=True)
    return Judged(host, may_be_called=host == shown and _is_public(name))


def _is_public(name: str) -> bool:
    """Accept a dotted name (last label no number) or a literal address that the world can reach."""
    address = literal(name)
    if address is not None:
        return is_public(address)
    last = name.rpartition(".")[2]
    return bool(NAME.fullmatch(name)) and not NUMBER.fullmatch(last) and last not in NEVER_PUBLIC
