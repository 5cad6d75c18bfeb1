"""Is this person still allowed to see what they follow? The hub asks once a minute for each connection."""

import logging
import time
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError

from notifications.live.person import Person
from notifications.live.protocol import NOTHING, SILENCE_SECONDS, Close

if TYPE_CHECKING:
    from notifications.live.connection import Connection

logger = logging.getLogger(__name__)


async def still_allowed(connection: "Connection") -> None:
    """End what the person may not follow any more; hang up when nothing is left, when signed out, or when idle."""
    shown, wanted = connection.credential, list(connection.subscriptions.values())
    if not wanted and time.monotonic() - connection.idle_since > SILENCE_SECONDS:
        connection.hang_up(Close.IDLE, "follows nothing")
        return

    def look() -> tuple[Person, list[str | None]]:
        person = connection.hub.people[shown.kind](shown.value)
        return person, [subscription.topic.may_follow(person, subscription.ref) for subscription in wanted]

    try:
        person, roles = await connection.hub.pool.run(look)
    except DatabaseError as error:
        logger.warning("rights not checked: %s", error)
        return
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
