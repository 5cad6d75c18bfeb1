"""May this address be called for that account? Placing an order asks before it stores a notificationUrl.

The forms of endpoints ask too. Only the form of the address is judged (outside/judging.py); where the name leads is
checked again when it is called.
"""

from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from notifications.outside.judging import judge
from notifications.webhooks.models import RegisteredHost

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
