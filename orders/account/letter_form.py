"""What a person chooses about letters; used by orders/account/letters.py."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from notifications.letters import preferences
from notifications.letters.models import About, Channel, Preferences
from orders.letters import address
from orders.people import User

ROWS = {
    About.ORDER: (_("Order news"), _("accepted, on its way, cancelled, completed")),
    About.REFUND: (_("Refunds"), _("when money is back with you")),
    About.MARKETING: (_("Offers and reminders"), _("only if you say yes below")),
}
COLUMNS = {Channel.EMAIL: _("E-mail"), Channel.PUSH: _("Push"), Channel.SMS: _("SMS")}
ZONES = (
    "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Asia/Seoul", "Asia/Bangkok",
    "Asia/Kolkata", "Asia/Dubai", "Europe/Moscow", "Europe/Berlin", "Europe/Paris", "Europe/London", "UTC",
    "America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip


class LettersForm(forms.Form):
    """The table of rows and channels, consent, quiet hours and the zone they are told in."""

    email = forms.EmailField(label=_("E-mail address"), required=False, max_length=254)
    marketing = forms.BooleanField(
        label=_("Yes, write to me about offers and remind me to order again. I can say no at any time."), required=False
    )
    quiet_from = forms.TimeField(label=_("Quiet from"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    quiet_to = forms.TimeField(label=_("until"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    zone = forms.CharField(label=_("Time zone"), max_length=40)

    def __init__(self, data: Any, *, user: User, found: Preferences) -> None:
        self.user, self.found = user, found
        initial = {
            "email": user.email_asked or user.email, "marketing": preferences.has_consent(user.public_id),
            "quiet_from": found.quiet_from, "quiet_to": found.quiet_to, "zone": found.zone,
        }  # fmt: skip
        super().__init__(data, initial=initial)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table: a row's name, what it means, and one box for each channel."""
        return [
            {"word": word, "means": means, "boxes": [self._box(about, channel) for channel in COLUMNS]}
            for about, (word, means) in ROWS.items()
        ]

    def _box(self, about: About, channel: Channel) -> dict[str, Any]:
        name = f"{about}.{channel}"
        ticked = name in self.data if self.is_bound else preferences.wants(self.found, about, channel)
        return {"name": name, "ticked": ticked, "channel": COLUMNS[channel]}

    def clean_zone(self) -> str:
        """A zone that this machine knows."""
        typed = str(self.cleaned_data["zone"])
        try:
            ZoneInfo(typed)
        except (KeyError, OSError, ValueError):
            raise forms.ValidationError(_("Choose a time zone of the list, such as Asia/Shanghai.")) from None
        return typed

    def save(self) -> bool:
        """Keep all of it; whether a letter goes out to confirm a new address. Raises TooMany, and keeps nothing."""
        given = self.cleaned_data
        is_asked = address.ask(self.user, given["email"])
        choices = {str(about): [str(one) for one in COLUMNS if f"{about}.{one}" in self.data] for about in ROWS}
        preferences.save(
            self.user.public_id, choices, zone=given["zone"],
            quiet=(given["quiet_from"], given["quiet_to"]), marketing=given["marketing"],
        )  # fmt: skip
        return is_asked
