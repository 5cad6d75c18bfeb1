"""Browsers that take pushes: kept for the account that is signed in there, sealed; the account's pages call this.

The address comes from the browser, so it is judged as any other address that we are told to call: by its form here,
by where its name leads when it is called (notifications/outside/transport.py).
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground import vault
from config.ground.problems import Refusal
from notifications.letters.models import PushSubscription, new_subscription_id
from notifications.outside.judging import judge

LONGEST = 1_000  # characters of an address; those of some browsers are longer than a webhook's
AUTH_BYTES = 16  # RFC 8291, 3.2
POINT_BYTES = 65  # of an uncompressed point on P-256
MOST = 10  # browsers of one account; the one that was added first makes room


class SubscriptionInvalid(Refusal):
    """What was sent is not what a browser's push manager gives out, or leads inside a network."""

    code = "push_invalid"
    status = 422
    message = _("This browser’s push address cannot be used.")


class SubscriptionTaken(Refusal):
    """Somebody else's browser: whoever sent it knows the address, but not its keys."""

    code = "push_taken"
    status = 409
    message = _("This push address belongs to another browser.")


def add(account: str, endpoint: str, p256dh: str, auth: str) -> PushSubscription:
    """Keep a browser for an account. Who knows its keys sits in front of it, so it moves with who is signed in there.

    Refuses with `push_invalid` or `push_taken`. Safe to repeat.
    """
    host = _host_of(endpoint)
    _check_keys(p256dh, auth)
    told = {"endpoint": endpoint, "p256dh": p256dh, "auth": auth}
    with transaction.atomic():
        known = PushSubscription.objects.select_for_update().filter(fingerprint=_fingerprint(endpoint)).first()
        if known is None:
            made = _insert(account, host, told)
            _make_room(account)
            return made
        if not hmac.compare_digest(_key_of(opened(known)), _key_of(told)):
            raise SubscriptionTaken
        if known.account != account:
            known.account = account
            known.save(update_fields=["account"])
            _make_room(account)
    return known


def remove(account: str, endpoint: str) -> bool:
    """Forget a browser of this account; whether there was one. Another account's stays."""
    rows = PushSubscription.objects.filter(account=account, fingerprint=_fingerprint(endpoint))
    return bool(rows.delete()[0])


def end(public_id: str) -> bool:
    """Forget the browser with this id, whoever it is kept for; whether there was one. It is the one that asks."""
    return bool(PushSubscription.objects.filter(public_id=public_id).delete()[0])


def is_kept(account: str, public_id: str) -> bool:
    """Whether this browser takes the pushes of this account."""
    return PushSubscription.objects.filter(account=account, public_id=public_id).exists()


def opened(subscription: PushSubscription) -> Mapping[str, Any]:
    """`{endpoint, p256dh, auth}`, for sending now."""
    return dict(vault.unseal_json(subscription.sealed, _place(subscription.public_id)))


def _insert(account: str, host: str, told: Mapping[str, str]) -> PushSubscription:
    public_id = new_subscription_id()
    return PushSubscription.objects.create(
        public_id=public_id, account=account, host=host, fingerprint=_fingerprint(told["endpoint"]),
        sealed=vault.seal_json(told, _place(public_id)),
    )  # fmt: skip


def _make_room(account: str) -> None:
    newest = PushSubscription.objects.filter(account=account).order_by("-pk").values_list("pk", flat=True)[:MOST]
    PushSubscription.objects.filter(account=account).exclude(pk__in=list(newest)).delete()


def _host_of(endpoint: str) -> str:
    judged = judge(endpoint, private=settings.PUSH_PRIVATE_HOSTS, longest=LONGEST)
    is_private = judged.host in settings.PUSH_PRIVATE_HOSTS
    if not judged.may_be_called or not (endpoint.startswith("https://") or is_private):
        raise SubscriptionInvalid(field="endpoint")
    return judged.host


def _check_keys(p256dh: str, auth: str) -> None:
    """A point on the curve and sixteen bytes. Raises SubscriptionInvalid."""
    try:
        point, secret = decoded(p256dh), decoded(auth)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (ValueError, binascii.Error):
        raise SubscriptionInvalid(field="keys") from None
    if len(point) != POINT_BYTES or len(secret) != AUTH_BYTES:
        raise SubscriptionInvalid(field="keys")


def decoded(text: str) -> bytes:
    """The bytes of base64url with or without its padding. Raises ValueError."""
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)


def _key_of(told: Mapping[str, Any]) -> bytes:
    return f"{told['p256dh']}|{told['auth']}".encode()


def _fingerprint(endpoint: str) -> bytes:
    return vault.fingerprint(endpoint, "push")


def _place(public_id: str) -> str:
    return f"push|subscription|{public_id}"
