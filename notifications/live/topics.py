"""The shape of one entry of config/live.py, and the names that topics may have."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from notifications.live.person import Person

NAME = re.compile(r"([a-z]{1,20})(?:/([A-Za-z0-9_-]{1,50}))?")  # `order/ord_x`, `shop/res_x`, `ops`


@dataclass(frozen=True, slots=True)
class Topic:
    """What the apps above know about one kind of topic; both functions run in a database thread.

    `may_follow(person, ref)` gives the role in which this person sees it (customer, merchant, rider, staff) or None.
    `snapshot(ref, role)` gives (version, data): the whole state as that role sees it, JSON-ready;
    raises ObjectDoesNotExist when there is no such thing any more.
    `replay`: the topic is a stream of the log, so a short gap is closed by its missed events; else by a snapshot.
    """

    may_follow: Callable[[Person, str], str | None]
    snapshot: Callable[[str, str], tuple[int, Mapping[str, Any]]]
    replay: bool = False


Topics = Mapping[str, Topic]


def find(topics: Topics, name: str) -> tuple[Topic, str] | None:
    """Give the topic and the ref that a name asks for, or None when there is no such kind."""
    match = NAME.fullmatch(name)
    topic = topics.get(match[1]) if match else None
    return (topic, match[2] or "") if match and topic else None
