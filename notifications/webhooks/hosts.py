"""May this address be called for that account? Placing an order asks before it stores a notificationUrl.

The forms of endpoints ask too. Only the form of the address is judged here; where the name leads is checked again
when it is called (transport.py), which takes the address apart by the same parser.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import httpx
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from notifications.webhooks.addresses import is_public, literal
from notifications.webhooks.models import RegisteredHost

DEFAULT_PORTS = {"http": 80, "https": 443}
NEVER_PUBLIC = {"localhost", "local", "internal", "localdomain", "home", "lan", "intranet"}  # no public name ends so
MAX_LENGTH = 500  # characters, as long as an order keeps
FIELD = "notificationUrl"
NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))+")  # after IDNA: ASCII labels and dots
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as a last label it makes the whole name an IPv4 address (WHATWG URL, 3.5)


class NotificationUrlInvalid(Refusal):
    """The address could never be called."""

    code = "notification_url_invalid"
    status = 422
    message = _("{url} is not a public http or https address, so we cannot send there.")


class NotificationHostUnregistered(Refusal):
    """The address may be fine, but its host was not registered by this integrator."""

    code = "notification_host_unregistered"
    status = 422
    message = _(
        "{host} is not registered for your account. "
        "Register an address there first (POST /api/v1/webhooks), then send the order again."
    )


class EndpointUrlInvalid(Refusal):
    """What was typed is no address."""

    code = "webhook_url_invalid"
    status = 422
    message = _("{url} is not a complete http or https address. Example: https://shop.example/notifications")


class EndpointPrivate(Refusal):
    """It would lead inside a network, or to a port that is none of the web's."""

    code = "webhook_private"
    status = 422
    message = _("{host} is not a public address, so we cannot send there.")


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


def check_url(url: str, *, field: str = FIELD) -> str:
    """Give the host (with a port that is not the scheme's) of a callable address.

    Refuses with `notification_url_invalid`: another scheme, credentials, a fragment, blanks, a literal address
    that is not public, a name without a dot, ports other than the scheme's. A host:port named in
    settings.WEBHOOK_PRIVATE_HOSTS (development only) may be private.
    """
    judged = judge(url)
    if not judged.may_be_called:
        raise NotificationUrlInvalid(field=field, url=url[:80])
    return judged.host


def check_endpoint(url: str, *, field: str = "url") -> str:
    """`check_url` for an endpoint; refuses with `webhook_url_invalid` or `webhook_private`."""
    judged = judge(url)
    if not judged.host:
        raise EndpointUrlInvalid(field=field, url=url[:80])
    if not judged.may_be_called:
        raise EndpointPrivate(field=field, host=judged.host)
    return judged.host


def is_registered(account: str, url: str) -> bool:
    """Say whether the account (its public id) registered the host of `url`. Raises as check_url."""
    return RegisteredHost.objects.filter(account=account, host=check_url(url)).exists()


def require_registered(account: str, url: str, *, field: str = FIELD) -> None:
    """Refuses with `notification_url_invalid` or `notification_host_unregistered`."""
    host = check_url(url, field=field)
    if not RegisteredHost.objects.filter(account=account, host=host).exists():
        raise NotificationHostUnregistered(field=field, host=host)


def _is_public(name: str) -> bool:
    """Accept a dotted name (last label no number) or a literal address that the world can reach."""
    address = literal(name)
    if address is not None:
        return is_public(address)
    last = name.rpartition(".")[2]
    return bool(NAME.fullmatch(name)) and not NUMBER.fullmatch(last) and last not in NEVER_PUBLIC
