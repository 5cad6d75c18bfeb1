"""Who knocks at /live, by what right, and from where? Every transport asks here before it serves anybody.

Somebody may show, in this order: a single-use ticket (`?ticket=`, or as a socket's subprotocol `ticket.…`, which stands
in no proxy's log), a program's key (`X-Api-Key`, or `Authorization:
Api-Key …`), or the session cookie of our own pages. A browser always says its Origin, and only our own is let in: a
foreign page must not listen with somebody's cookie.
"""

import logging
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error as DatabaseError
from redis import RedisError

from config.ground.address import caller
from notifications.live import tickets
from notifications.live.asgi import Message
from notifications.live.connection import Visitor
from notifications.live.hub import Hub
from notifications.live.person import Credential
from notifications.live.protocol import Close, Refused
from notifications.live.web import asked

KEY = "Api-Key "
TICKET = "ticket."
TRUSTED = [ip_network(network) for network in settings.TRUSTED_PROXIES]

logger = logging.getLogger(__name__)


async def let_in(hub: Hub, scope: Message) -> Visitor:
    """Say who comes. Raises Refused. `scope["cookies"]` comes from Channels' CookieMiddleware."""
    heads = {name: value.decode("latin-1") for name, value in scope["headers"]}
    address = caller((scope.get("client") or ("",))[0], _hops(scope), TRUSTED)
    if hub.is_going:
        raise Refused(Close.GOING, "the server is going: come again")
    if not hub.shares.admits(address):
        raise Refused(Close.TOO_MANY, "too many connections in a short time: come again a little later")
    try:
        credential = await _shown(hub, scope, heads)
        person = await hub.pool.run(lambda: hub.people[credential.kind](credential.value))
    except (DatabaseError, RedisError) as error:
        logger.warning("cannot tell who connects: %s", error)
        raise Refused(Close.TRY_LATER, "try again") from None
    if credential.kind != "session" and not person.is_signed_in:
        raise Refused(Close.SIGN_IN, "this key is not valid, or not any more")
    if not hub.shares.has_room_for(person, address):
        raise Refused(Close.TOO_MANY, "too many connections: close some, then come again")
    return Visitor(credential, person, address)


async def _shown(hub: Hub, scope: Message, heads: dict[bytes, str]) -> Credential:
    offered = [name.removeprefix(TICKET) for name in scope.get("subprotocols", ()) if name.startswith(TICKET)]
    if ticket := asked(scope).get("ticket", offered or [""])[0]:
        credential = await hub.pool.run(lambda: tickets.spend(ticket))
        if credential is None or credential.kind not in hub.people:
            raise Refused(Close.SIGN_IN, "this ticket was used, or is too old: ask for another")
        return credential
    bearer = heads.get(b"authorization", "")
    key = heads.get(b"x-api-key", "") or (bearer.removeprefix(KEY).strip() if bearer.startswith(KEY) else "")
    if key and "key" in hub.people:
        return Credential("key", key)
    return Credential("session", scope["cookies"].get(settings.SESSION_COOKIE_NAME, ""))


def _hops(scope: Message) -> str:
    """X-Forwarded-For in one line: each proxy may have added a line of its own, the nearest one last."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return ",".join(lines)


def is_ours(headers: Iterable[tuple[bytes, bytes]], origins: Sequence[str]) -> bool:
    """Say whether a page of ours may be behind this: its Origin is the Host asked for, or one of `origins`.

    A browser always sends Origin; a program that sends none carries nobody's cookies by accident. Channels'
    OriginValidator knows lists only, and a development stack has many names.
    """
    said = {name: value.decode("latin-1") for name, value in headers if name in {b"origin", b"host"}}
    origin = said.get(b"origin")
    if origin is None or origin in origins:
        return True
    try:
        named = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(named) and named == said.get(b"host")
