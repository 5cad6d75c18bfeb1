"""How much of this process one account and one address may take: lines, topics, and how fast they ask.

Counted in memory, without Redis: what is shared is this process's own room, nothing here waits in between, and the
door must stay quick when everybody comes back at once. door.py, following.py and the hub ask.
"""

import time
from collections import Counter
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from django.conf import settings

from config.ground.limits import Limit
from notifications.live.person import Person

if TYPE_CHECKING:
    from notifications.live.connection import Connection

HOUSEHOLD = 64  # bits of an IPv6 address: one line has all the rest to itself
KEPT = 10_000  # paces remembered, before those that have recovered are forgotten


class Shares:
    """Lines and topics held at this moment, and the pace of those who come."""

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()
        self.topics: Counter[str] = Counter()
        self._due: dict[str, float] = {}  # when the next call of a key would be on time (GCRA, as config/ground/limits)

    def admits(self, address: str) -> bool:
        """Whether this address comes slowly enough; asked before anything is read."""
        return self._is_in_time(f"connects {household(address)}", _pace(settings.LIVE_CONNECTS_PER_ADDRESS))

    def has_room_for(self, person: Person, address: str) -> bool:
        """Whether this account comes slowly enough, and it and its address may open one more line here."""
        if person.is_signed_in and not self._is_in_time(
            f"connects {person.public_id}", _pace(settings.LIVE_CONNECTS_PER_ACCOUNT)
        ):
            return False
        return all(self.lines[key] < _most_lines(key) for key in keys_of(person, address))

    def has_topic_for(self, connection: "Connection") -> bool:
        """Whether it, its account and its address may follow one more topic here."""
        return all(self.topics[key] < _most_topics(key) for key in connection.counted_as)

    def may_ask(self, connection: "Connection") -> bool:
        """Whether its account and address ask slowly enough: each question reads the database."""
        return all(self._is_in_time(f"asks {key}", _asking(key)) for key in connection.counted_as)

    def give_back(self, held: Counter[str], keys: list[str]) -> None:
        """Count one less; who holds nothing is forgotten."""
        held.subtract(keys)
        for key in keys:
            if held[key] <= 0:
                del held[key]

    def _is_in_time(self, key: str, limit: Limit) -> bool:
        now, gap = time.monotonic(), 60 / limit.per_minute
        due = max(self._due.get(key, 0.0), now)
        if due - now > gap * (limit.burst - 1):
            return False
        self._due[key] = due + gap
        if len(self._due) > KEPT:
            self._due = {key: due for key, due in self._due.items() if due > now}
        return True


def keys_of(person: Person, address: str) -> list[str]:
    """What a line is counted as."""
    return [*([f"account {person.public_id}"] if person.is_signed_in else []), f"address {household(address)}"]


def household(address: str) -> str:
    """The part of an address that one customer of a network has: all of IPv4, the first half of IPv6."""
    try:
        read = ip_address(address)
    except ValueError:
        return address
    return f"{int(read) >> (128 - HOUSEHOLD):x}::" if isinstance(read, IPv6Address) else address


def _is_account(key: str) -> bool:
    return key.startswith("account ")


def _most_lines(key: str) -> int:
    return int(settings.LIVE_PER_ACCOUNT if _is_account(key) else settings.LIVE_PER_ADDRESS)


def _most_topics(key: str) -> int:
    return int(settings.LIVE_TOPICS_PER_ACCOUNT if _is_account(key) else settings.LIVE_TOPICS_PER_ADDRESS)


def _pace(per_minute: int) -> Limit:
    return Limit(per_minute, burst=max(1, per_minute // 4))


def _asking(key: str) -> Limit:
    """All topics at once when everything comes back, and then three times as many a minute."""
    most = _most_topics(key)
    return Limit(3 * most, burst=most)
