"""What a person types to sign in or to make an account; used by orders/account/views.py."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from orders.people import PHONE_DIGITS, User, digits_of, new_user_id, phone_index

LONGEST_PASSWORD = 128  # characters; hashing time grows with length


def checked_phone(typed: str) -> str:
    """The digits of a mobile number. Raises ValidationError that says how many digits were given."""
    digits = digits_of(typed)
    if len(digits) != PHONE_DIGITS or not digits.startswith("1"):
        raise forms.ValidationError(
            _("%(n)s digits given; a mobile number has 11. Example: 138 0013 2071."),
            code="phone_invalid",
            params={"n": len(digits)},
        )
    return digits


class SignInForm(forms.Form):
    """Phone number or user name, and a password."""

    username = forms.CharField(label=_("Phone number or user name"), max_length=150)
    password = forms.CharField(
        label=_("Password"), max_length=LONGEST_PASSWORD, strip=False, widget=forms.PasswordInput
    )

    def clean_username(self) -> str:
        """One spelling of each phone number, so that tries are counted together."""
        typed = str(self.cleaned_data["username"])
        looks_like_phone = not any(letter.isalpha() for letter in typed)
        return digits_of(typed) if looks_like_phone and len(digits_of(typed)) == PHONE_DIGITS else typed


class SignUpForm(forms.Form):
    """A name, a phone number, a password."""

    name = forms.CharField(label=_("What shall we call you?"), max_length=60)
    phone = forms.CharField(label=_("Mobile phone number"), max_length=30)
    password = forms.CharField(
        label=_("Password"), max_length=LONGEST_PASSWORD, strip=False, widget=forms.PasswordInput
    )

    def clean_phone(self) -> str:
        """Eleven digits that no account has."""
        digits = checked_phone(self.cleaned_data["phone"])
        if User.objects.filter(phone_index=phone_index(digits)).exists():
            raise forms.ValidationError(_("There is an account with this number already. Sign in instead."))
        return digits

    def clean_password(self) -> str:
        """Long enough and not a well-known one."""
        password = str(self.cleaned_data["password"])
        validate_password(password, User(first_name=self.cleaned_data.get("name", "")))
        return password

    def save(self, language: str) -> User:
        """Make the account. Two at once for one number: the second raises IntegrityError."""
        given: dict[str, Any] = self.cleaned_data
        user = User(username=new_user_id(), first_name=given["name"], language=language)
        user.set_phone(given["phone"])
        user.set_password(given["password"])
        user.save()
        return user
