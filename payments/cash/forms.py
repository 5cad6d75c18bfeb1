"""What people type when they take, count and receive cash; used by the pages of riders, shops and support."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from orders.models import Shop
from payments.amounts import typed_minor
from payments.cash.refusals import NotAnAmount

DEPOT = "depot"


class AmountField(forms.CharField):
    """An amount as people write it (`84`, `84.5`, `¥84.00`); cleaned to whole minor units."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=20, **kwargs)
        self.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}

    def clean(self, value: Any) -> int:
        """Whole minor units. Raises ValidationError with the refusal's sentence."""
        amount = typed_minor(super().clean(value).removesuffix("元"))
        if amount is None:
            raise forms.ValidationError(NotAnAmount().detail)
        return amount


class CollectForm(forms.Form):
    """Cash in hand: how much, and the number on the paper receipt when one was written."""

    amount = AmountField(label=_("Amount in ¥"))
    receipt = forms.CharField(max_length=40, required=False, label=_("Receipt number, if you wrote one"))


class CountForm(forms.Form):
    """The end of a shift: what was counted, what the page said (`expected`, minor units), where it is handed in."""

    counted = AmountField(label=_("Counted, in ¥"))
    expected = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    to = forms.ChoiceField(label=_("Where you hand it in"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, places: list[Shop], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [  # type: ignore[attr-defined]
            *((shop.public_id, shop.name) for shop in places),
            (DEPOT, _("At the depot, to our support")),
        ]

    @property
    def to_shop(self) -> str:
        """The shop's public id; empty for the depot."""
        chosen: str = self.cleaned_data["to"]
        return "" if chosen == DEPOT else chosen


class ReceiveForm(forms.Form):
    """Cash that somebody hands in, counted by whoever takes it."""

    received = AmountField(label=_("You counted, in ¥"))
    words = forms.CharField(max_length=200, required=False, label=_("If it differs: what did you find?"))


def done(form: forms.Form, act: Callable[[], object]) -> bool:
    """Do it when the form is good; a refusal becomes an error of its field, or of the whole form."""
    if not form.is_valid():
        return False
    try:
        act()
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.detail)
        return False
    return True
