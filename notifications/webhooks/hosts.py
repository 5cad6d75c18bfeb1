"""May this address be called for that account? Placing an order asks before it stores a notificationUrl.

Only the form of the address is judged here; where the name leads is checked again when it is called.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from notifications.webhooks.models import RegisteredHost

DEFAULT_PORTS = {"http": 80, "https": 443}
NEVER_PUBLIC = {"localhost", "local", "internal"}  # last labels that no public name has
MAX_LENGTH = 2_000  # characters: what every browser and proxy still passes on
FIELD = "notificationUrl"


class NotificationUrlInvalid(Refusal):
    """The address could never be called."""

    code = "notification_url_invalid"
    status = 422
    message = _("{url} is not a public http or https address, so we cannot send there.")


class NotificationHostUnregistered(Refusal):
    """The address may be fine, but its host was not registered by this integrator."""

    code = "notification_host_unregistered"
    status = 422
    message = _("{host} is not registered for your account. Register it first, then send the order again.")


def check_url(url: str, *, field: str = FIELD) -> str:
    """Give the host (with a port that is not the scheme's) of a callable address.

    Refuses with `notification_url_invalid`: another scheme, credentials, a fragment, blanks, a literal address
    that is not public, a name without a dot, ports other than the scheme's. A host:port named in
    settings.WEBHOOK_PRIVATE_HOSTS (development only) may be private.
    """
    try:
        parts = urlsplit(url)
        host = _host(parts)
    except ValueError:
        raise _invalid(url, field) from None
    clean = url == url.strip() and url.isprintable() and " " not in url and "\\" not in url and len(url) <= MAX_LENGTH
    if not clean or not host or "@" in parts.netloc or "#" in url:
        raise _invalid(url, field)
    if host not in settings.WEBHOOK_PRIVATE_HOSTS and (":" in host.rpartition("]")[2] or not _is_public(parts)):
        raise _invalid(url, field)
    return host


def is_registered(account: str, url: str) -> bool:
    """Say whether the account (its public id) registered the host of `url`. Raises as check_url."""
    return RegisteredHost.objects.filter(account=account, host=check_url(url)).exists()


def require_registered(account: str, url: str, *, field: str = FIELD) -> None:
    """Refuses with `notification_url_invalid` or `notification_host_unregistered`."""
    host = check_url(url, field=field)
    if not RegisteredHost.objects.filter(account=account, host=host).exists():
        raise NotificationHostUnregistered(field=field, host=host)


def _invalid(url: str, field: str) -> NotificationUrlInvalid:
    return NotificationUrlInvalid(field=field, url=url[:80])


def _host(parts: SplitResult) -> str:
    """`example.com` or `example.com:8443`, lower case; empty when the scheme is not ours. ValueError on a bad port."""
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return ""
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.rstrip(".")
    port = parts.port
    return name if port in {None, DEFAULT_PORTS[parts.scheme]} else f"{name}:{port}"


def _is_public(parts: SplitResult) -> bool:
    """Accept a dotted name (last label not a number) or a literal address that the world can reach."""
    name = (parts.hostname or "").rstrip(".")
    address = _literal(name)
    if address is not None:
        return address.is_global and not address.is_multicast and not _embeds_another(address)
    last = name.rpartition(".")[2]
    return "." in name and not last.isdigit() and not last.startswith("0x") and last not in NEVER_PUBLIC


def _literal(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _embeds_another(address: IPv4Address | IPv6Address) -> bool:
    """IPv6 forms that carry an IPv4 address inside: mapped, 6to4, Teredo, and the NAT64 prefix 64:ff9b::/96."""
    if isinstance(address, IPv4Address):
        return False
    nat64 = int(address) >> 32 == 0x0064_FF9B << 64
    return nat64 or bool(address.ipv4_mapped or address.sixtofour or address.teredo)
