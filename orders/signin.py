"""How people sign in: phone number or user name, and a password. Named in settings.AUTHENTICATION_BACKENDS."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db import models
from django.http import HttpRequest

from orders.people import PHONE_DIGITS, User, digits_of, phone_index


class PhoneOrNameBackend(ModelBackend):
    """Sign in with a phone number or a user name, one sentence for either mistake."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_extra: Any
    ) -> User | None:
        """The user whose phone or name and password fit, else None (after the same work)."""
        del request  # Django's signature; nothing here depends on where the request came from
        if not username or password is None:
            return None
        looks_like_phone = len(digits_of(username)) == PHONE_DIGITS
        found = models.Q(phone_index=phone_index(username)) if looks_like_phone else models.Q(username=username)
        user = User.objects.filter(found).first()
        if user is None:
            User().set_password(password)  # the same time as a wrong password, so that names cannot be probed
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
