"""What a shop fills in about its card keys: a pool, its limits, which keys go and why."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

REQUIRED = {"required": _("Please fill this in.")}


class LimitsForm(forms.Form):
    """What may be changed about a pool later; an empty field means what it meant before anybody asked."""

    per_buyer = forms.IntegerField(
        label=_("At most for one buyer"), min_value=0, max_value=1_000, initial=0, required=False
    )
    low_at = forms.IntegerField(
        label=_("Warn us from so many left"), min_value=0, max_value=1_000_000, initial=5, required=False
    )

    def clean(self) -> dict[str, Any]:
        """Fill in what was left empty."""
        given = super().clean() or {}
        for name in ("per_buyer", "low_at"):
            if given.get(name) is None and name not in self.errors:
                given[name] = self.fields[name].initial
        return given


class PoolForm(LimitsForm):
    """A new pool."""

    name = forms.CharField(label=_("Name of the pool"), max_length=80)
    uses = forms.IntegerField(label=_("Buyers per key"), min_value=1, max_value=100_000, initial=1)


class ReasonForm(forms.Form):
    """Why keys go."""

    reason = forms.CharField(label=_("Why"), max_length=200, error_messages=REQUIRED)


class VoidForm(ReasonForm):
    """Which keys go, one a line, and why. What was pasted is never drawn again."""

    keys = forms.CharField(
        label=_("The keys, one a line"),
        error_messages=REQUIRED,
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_keys(self) -> list[str]:
        """One text a line."""
        return str(self.cleaned_data["keys"]).splitlines()
