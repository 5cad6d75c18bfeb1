"""Following a topic: what the words of a client lead to, the same for every transport."""

import logging

from django.db import Error as DatabaseError

from config.ground import clock
from notifications.live import protocol
from notifications.live.connection import Connection
from notifications.live.protocol import Ack, Close, Ping, Said, Subscribe, Unsubscribe
from notifications.live.subscription import Subscription
from notifications.live.topics import find

logger = logging.getLogger(__name__)


async def act(connection: Connection, said: Said) -> None:
    """Do what the other end of a socket says."""
    match said:
        case Subscribe():
            await subscribe(connection, said)
        case Unsubscribe():
            unsubscribe(connection, said.topic)
        case Ack():
            position = min(said.position, connection.hub.reached)
            if position > connection.acked:  # each counts once
                connection.acked = position
                connection.hub.acknowledge(position)
        case Ping():
            connection.say("pong", at=clock.now())


async def subscribe(connection: Connection, wish: Subscribe) -> None:
    """Follow a topic, or read it again when it is followed already. Who may not learns only "not found"."""
    hub = connection.hub
    found = find(hub.topics, wish.topic)
    if found is None:
        connection.say("error", code="not_found", topic=wish.topic)
        return
    if wish.topic not in connection.subscriptions and (
        len(connection.subscriptions) >= protocol.SUBSCRIPTIONS or not hub.shares.has_topic_for(connection)
    ):
        connection.say("error", code="too_many_subscriptions", topic=wish.topic)
        return
    if not hub.shares.may_ask(connection):
        connection.hang_up(Close.TRY_LATER, "too many messages")
        return
    topic, ref = found
    try:
        role = await hub.rights.role(hub.pool, connection.person, wish.topic, topic, ref)
    except DatabaseError as error:
        logger.warning("rights to %s not checked: %s", wish.topic, error)
        connection.hang_up(Close.TRY_LATER, "try again")
        return
    unsubscribe(connection, wish.topic)
    if role is None:
        connection.say("error", code="not_found", topic=wish.topic)
        return
    subscription = Subscription(connection, topic, wish.topic, ref, role)
    connection.subscriptions[wish.topic] = subscription
    hub.join(subscription)
    subscription.refill(wish.after)


def unsubscribe(connection: Connection, name: str) -> None:
    """Stop following a topic."""
    subscription = connection.subscriptions.pop(name, None)
    if subscription is not None:
        connection.hub.leave(subscription)
        connection.idle_since = connection.hub.clock()
