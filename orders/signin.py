"""How people sign in: phone number or user name, and a password; named in settings (backends, axes)."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db import models
from django.http import HttpRequest

from orders.people import PHONE_DIGITS, User, digits_of, phone_index

LONGEST_NAME = 150  # characters of a user name that are compared


def tried_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """Under which name tries to sign in are counted and kept: every spelling of a phone number is one, never in clear.

    What was typed counts before the account's own name, so that a success forgets the failures before it.
    """
    sent = getattr(request, "data", None) or getattr(request, "POST", None) or {}
    typed = str(sent.get("username") or (credentials or {}).get("username") or "")
    if _looks_like_phone(typed):
        return f"phone:{phone_index(typed).hex()}"
    return typed[:LONGEST_NAME]


def _looks_like_phone(typed: str) -> bool:
    return len(digits_of(typed)) == PHONE_DIGITS


class PhoneOrNameBackend(ModelBackend):
    """Sign in with a phone number or a user name, one sentence for either mistake."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_extra: Any
    ) -> User | None:
        """The user whose phone or name and password fit, else None (after the same work)."""
        del request  # Django's signature; nothing here depends on where the request came from
        if not username or password is None:
            return None
        is_phone = _looks_like_phone(username)
        found = models.Q(phone_index=phone_index(username)) if is_phone else models.Q(username=username)
        user = User.objects.filter(found).first()
        if user is None:
            User().set_password(password)  # the same time as a wrong password, so that names cannot be probed
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
