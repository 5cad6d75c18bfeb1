"""The six digits that support types before money moves; asked where settings.ADMIN_NEEDS_TOTP says so."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django_otp import match_token

from config.ground.problems import Refusal
from orders.people import User


class CodeDoesNotFit(Refusal):
    """Not the code of this person's device, or an old one."""

    code = "otp_wrong"
    status = 403
    message = _("That code does not fit. Codes have 6 digits and change every 30 s.")


def is_needed() -> bool:
    """Whether this installation asks for a second factor."""
    return bool(settings.ADMIN_NEEDS_TOTP)


def confirm(user: User, code: str) -> None:
    """Let pass whoever typed a fresh code of one of their devices. Raises CodeDoesNotFit; each code counts once."""
    if is_needed() and match_token(user, code.replace(" ", "")) is None:
        raise CodeDoesNotFit(field="code")
