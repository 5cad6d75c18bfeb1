"""May this person see what they wish to follow, and may they still? The hub looks again well within each minute."""

import logging
import time
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError

from notifications.live.person import Person
from notifications.live.pool import Pool
from notifications.live.protocol import NOTHING, SILENCE_SECONDS, Close
from notifications.live.topics import Topic

if TYPE_CHECKING:
    from notifications.live.connection import Connection
    from notifications.live.hub import Hub
    from notifications.live.subscription import Subscription

KNOWN_SECONDS = 5.0  # with RIGHTS_SECONDS less than a minute
MOST_KNOWN = 10_000
Told = tuple[Person, list[str | None]]  # whose line it is now, and their role in each topic that they follow

logger = logging.getLogger(__name__)


class Rights:
    """Who was found to follow what, and as what, a moment ago: long polls and repeated wishes ask again and again.

    Only a yes is remembered: an order may be placed just after somebody asked for it, and a no must take as long for
    one that is another's as for one that never was.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Person, str], tuple[str, float]] = {}

    async def role(self, pool: Pool, person: Person, name: str, topic: Topic, ref: str) -> str | None:
        """The role in which this person may follow this topic, or None. Raises django.db.Error."""
        known = self._known.get((person, name))
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        role = await pool.run(lambda: topic.may_follow(person, ref))
        if role is not None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[person, name] = role, time.monotonic() + KNOWN_SECONDS
        return role


async def look_again(hub: "Hub", turn: Iterable["Connection"]) -> None:
    """Look again at the rights of those whose turn it is, in one read: a person with many lines is asked for once.

    One thread does it, for the loop shares the interpreter with each that works.
    """
    asked = [(one, list(one.subscriptions.values())) for one in turn if not _hang_up_idle(one)]

    def look() -> list[Told | None]:
        person_of = cache(lambda shown: hub.people[shown.kind](shown.value))
        role_of = cache(lambda person, topic, ref: topic.may_follow(person, ref))
        found: list[Told | None] = []
        for connection, wanted in asked:
            try:
                person = person_of(connection.credential)
                found.append((person, [role_of(person, one.topic, one.ref) for one in wanted]))
            except DatabaseError:
                raise
            except Exception:
                logger.exception("the rights of one line cannot be told")
                found.append(None)
        return found

    try:
        found = await hub.pool.run(look)
    except DatabaseError as error:
        logger.warning("rights not checked: %s", error)
        return
    for (connection, wanted), told in zip(asked, found, strict=True):
        if told is not None:
            _apply(connection, wanted, told)


def _hang_up_idle(connection: "Connection") -> bool:
    """Hang up a line that has followed nothing for too long; whether it was one."""
    is_idle = not connection.subscriptions and connection.hub.clock() - connection.idle_since > SILENCE_SECONDS
    if is_idle:
        connection.hang_up(Close.IDLE, "follows nothing")
    return is_idle


def _apply(connection: "Connection", wanted: Sequence["Subscription"], told: Told) -> None:
    """End what the person may not follow any more; hang up when signed out, or when nothing is left."""
    person, roles = told
    if connection.person.is_signed_in and person.user_id != connection.person.user_id:
        connection.hang_up(Close.SIGN_IN, "signed out")
        return
    connection.person = person
    for subscription, role in zip(wanted, roles, strict=True):
        if connection.subscriptions.get(subscription.name) is not subscription:
            continue
        if role is None:
            connection.drop(subscription, "not_found")
        elif role != subscription.role:
            connection.hub.leave(subscription)
            subscription.role = role
            connection.hub.join(subscription)
            subscription.refill(NOTHING)
    if wanted and not connection.subscriptions:
        connection.hang_up(Close.FORBIDDEN, "nothing left to follow")
