"""What is sealed of an event: its leaf, and two commitments to what it says. Pure: no Django, no clock.

The leaf names the event and holds a commitment to its contents, HMAC-SHA256 under a salt of its own: who has the salt
can show what was said, and when the salt is thrown away the contents are forgotten while the tree stays whole. What
only some roles may read (door codes, for one) is committed to under a second salt, so that a customer's receipt can
open the first without giving the other away.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

SALT = 16  # bytes, for each of the two


class Entry(NamedTuple):
    """An event as the log has it; `at` is aware."""

    position: int
    event: int  # the row's own number
    stream: str
    version: int
    type: str
    at: datetime
    actor: str
    account: str
    topics: list[str]
    data: Mapping[str, Any]
    only: Mapping[str, Any]


def canonical(document: Any) -> str:
    """JSON in the one spelling that is hashed: keys sorted, no blanks, nothing escaped that need not be."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def commit(salt: bytes, text: str) -> str:
    """The commitment to a text, as hex."""
    return hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()


def contents(entry: Entry, salts: bytes) -> str:
    """What the event says to all who take part, with the commitment to what it says to some; canonical JSON."""
    hidden = commit(salts[SALT:], canonical(entry.only))
    said = {"actor": entry.actor, "account": entry.account, "topics": entry.topics, "data": entry.data, "only": hidden}
    return canonical(said)


def commitment(entry: Entry, salts: bytes) -> str:
    """The commitment to the contents that stands in the leaf."""
    return commit(salts[:SALT], contents(entry, salts))


def leaf(entry: Entry, committed: str) -> str:
    """The text that is hashed as the event's leaf, with the commitment to its contents; canonical JSON."""
    return canonical(
        {
            "position": entry.position,
            "event": entry.event,
            "stream": entry.stream,
            "version": entry.version,
            "type": entry.type,
            "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "commitment": committed,
        }
    )
