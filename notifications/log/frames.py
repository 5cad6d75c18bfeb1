"""What travels: an event as JSON text, encoded once for each role shape; sequencer and replay both write it here.

On a Redis shard channel each frame is `epoch counter topic version position roles|json`. `counter` counts the frames
of an epoch over all shards, 0 announces the epoch and says nothing else; `version` is 0 when the topic is not the
event's own stream; `position` ends with `+` when more frames of the same event follow; `roles` is `*` for everyone,
`+a,b` for these roles only or `-a,b` for everyone else. The hub decides by the words before the bar whether anyone
here listens, and passes the JSON on untouched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Numbered:
    """One event with its position, as read from the log; `at` is aware UTC."""

    position: int
    stream: str
    version: int
    type: str
    data: dict[str, Any]
    only: dict[str, dict[str, Any]]
    topics: Sequence[str]
    at: datetime

    def everywhere(self) -> tuple[str, ...]:
        """Name the topics that hear it: its own stream first, then the others."""
        return (self.stream, *(topic for topic in self.topics if topic != self.stream))

    def as_seen_by(self, role: str) -> dict[str, Any]:
        """Merge everyone's data with what only this role sees."""
        return {**self.data, **self.only.get(role, {})}


def body(event: Numbered, data: dict[str, Any]) -> bytes:
    """Encode the frame without its topic; `with_topic` completes it."""
    kind, _, ref = event.stream.partition("/")
    order = {"order": ref} if kind == "order" else {}
    return orjson.dumps(
        {
            "type": event.type,
            "stream": event.stream,
            **order,
            "version": event.version,
            "position": event.position,
            "at": event.at,
            "data": data,
        },
        option=orjson.OPT_UTC_Z,
    )


def with_topic(topic: str, text: bytes) -> bytes:
    """Complete a frame's JSON: topics are our own ids, so they need no escaping."""
    return b'{"topic":"' + topic.encode() + b'",' + text[1:]


def shapes(event: Numbered) -> Iterator[tuple[str, bytes]]:
    """Yield (roles, body) once for each distinct shape; together they cover every role exactly once."""
    special = sorted(role for role, extra in event.only.items() if extra)
    yield ("-" + ",".join(special) if special else EVERYONE), body(event, event.data)
    for role in special:
        yield "+" + role, body(event, event.as_seen_by(role))


def speaks_to(roles: str, role: str) -> bool:
    """Say whether a frame with these `roles` is for this role."""
    if roles == EVERYONE:
        return True
    return (role in roles[1:].split(",")) == (roles[0] == "+")
