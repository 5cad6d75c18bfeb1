"""Who listens: read from what they showed at the door when a connection opens, and again each minute while it lasts."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import SimpleNamespace
from typing import NamedTuple, cast

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.models import Device

SESSION_KEY = re.compile(r"[a-z0-9]{8,40}")  # a cookie may hold anything, also what no database takes
GUEST_ORDERS = "guest_orders"  # session key: public ids of orders that a secret link opened


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the other end. Not signed in: `user_id` None and `public_id` empty."""

    user_id: int | None = None
    public_id: str = ""
    is_staff: bool = False
    guest_orders: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_signed_in(self) -> bool:
        """Whether there is an account behind the connection."""
        return self.user_id is not None


NOBODY = Person()


class Credential(NamedTuple):
    """What somebody showed: its kind is a key of the table People, its value what that entry reads."""

    kind: str
    value: str


People = Mapping[str, Callable[[str], Person]]  # kind of credential → who it is now, NOBODY when it holds no more


def _showed_second_factor(session: SessionBase, user_id: int | None) -> bool:
    """Where support needs a second factor, its session without one is any customer's; so is one whose device is gone.

    The same question as the pages' OTPMiddleware asks.
    """
    if not settings.ADMIN_NEEDS_TOTP:
        return True
    shown = session.get(DEVICE_ID_SESSION_KEY)
    device = Device.from_persistent_id(shown) if isinstance(shown, str) else None
    return device is not None and device.user_id == user_id


def from_session(key: str) -> Person:
    """Read the person of a session key; NOBODY for no session, an ended one, a changed password, a closed account."""
    if not SESSION_KEY.fullmatch(key):
        return NOBODY
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    guest_orders = session.get(GUEST_ORDERS, ())
    user = get_user(cast("HttpRequest", SimpleNamespace(session=session)))  # it reads nothing but the session
    return Person(
        user_id=user.pk,
        public_id=str(getattr(user, "public_id", "")),
        is_staff=bool(getattr(user, "is_staff", False)) and _showed_second_factor(session, user.pk),
        guest_orders=frozenset(str(order) for order in guest_orders),
    )
