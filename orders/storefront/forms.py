"""What customers fill in: the choice of options, the address, the checkout. Used by the storefront's views."""

from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders import pricing
from orders.account.forms import checked_phone
from orders.catalog.models import Option, OptionGroup, Shop, Trade
from orders.order.states import Method
from orders.services import Item
from orders.storefront.basket import LONGEST_NOTE, MOST_QUANTITY
from orders.storefront.shelves import Good

REQUIRED = {"required": gettext_lazy("Please fill this in.")}
LONGEST_ORDER_NOTE = 200


class OfferedOption(NamedTuple):
    """One answer of a group as the page draws it."""

    option: Option
    is_chosen: bool


class OfferedGroup(NamedTuple):
    """A group as the page draws it: `name` of its inputs, one answer or several, what is wrong with it."""

    group: OptionGroup
    name: str
    is_single: bool
    options: list[OfferedOption]
    error: str


class ChoiceForm(forms.Form):
    """Options, quantity and a note for one good; the groups come from the menu."""

    quantity = forms.IntegerField(min_value=1, max_value=MOST_QUANTITY, initial=1, error_messages=REQUIRED)
    note = forms.CharField(
        label=gettext_lazy("Note for the kitchen (optional)"), max_length=LONGEST_NOTE, required=False
    )

    def __init__(self, *args: Any, good: Good, **named: Any) -> None:
        super().__init__(*args, **named)
        self.good = good
        for group in good.groups:
            self.fields[_name(group)] = forms.MultipleChoiceField(
                label=group.name, required=False, choices=[(o.public_id, o.name) for o in group.options.all()]
            )

    def clean(self) -> dict[str, Any]:
        """Each group's least and most, and nothing that is sold out."""
        given = super().clean() or {}
        if self.good.is_gone:
            self.add_error(None, _("This is sold out."))
        for group in self.good.open_groups(self.chosen):
            if _name(group) not in self.errors:
                self.add_error(_name(group), _("Choose %(group)s.") % {"group": group.name})
        return given

    @property
    def chosen(self) -> list[str]:
        """The option ids as sent, right or wrong."""
        return [option for group in self.good.groups for option in self._sent(group)]

    def _sent(self, group: OptionGroup) -> list[str]:
        source = self.data
        name = self.add_prefix(_name(group))
        return source.getlist(name) if hasattr(source, "getlist") else list(source.get(name, []))

    @property
    def groups(self) -> list[OfferedGroup]:
        """What the page draws."""
        return [
            OfferedGroup(
                group,
                _name(group),
                group.most == 1 and group.least == 1,
                [OfferedOption(option, option.public_id in self.chosen) for option in group.options.all()],
                " ".join(str(error) for error in self.errors.get(_name(group), [])) if self.is_bound else "",
            )
            for group in self.good.groups
        ]

    @property
    def total_minor(self) -> int:
        """What the choice costs so far; whatever is unreadable counts as one."""
        prices = [o.price_minor for g in self.good.groups for o in g.options.all() if o.public_id in self.chosen]
        return pricing.PricedLine(self.good.product.price_minor, tuple(prices), 1).unit_minor * self.wanted

    @property
    def wanted(self) -> int:
        """The number wanted, 1 when it cannot be read."""
        text = str(self.data.get("quantity", "1"))
        return int(text) if text.isdecimal() and 1 <= int(text[:4]) <= MOST_QUANTITY else 1

    def item(self) -> Item:
        """As the cart wants it."""
        given = self.cleaned_data
        return Item(self.good.product.public_id, given["quantity"], tuple(self.chosen), given["note"].strip())


def _name(group: OptionGroup) -> str:
    return f"group-{group.pk}"


class Spot(forms.Form):
    """Where on the map, if the person let the browser say it (WGS-84)."""

    use_required_attribute = False  # a folded-away field must not stop the browser from sending the form

    lat = forms.FloatField(required=False, min_value=-90, max_value=90, widget=forms.HiddenInput)
    lng = forms.FloatField(required=False, min_value=-180, max_value=180, widget=forms.HiddenInput)

    def spot(self) -> dict[str, dict[str, float]]:
        """`{"location": {lat, lng}}`, or nothing."""
        lat, lng = self.cleaned_data.get("lat"), self.cleaned_data.get("lng")
        return {"location": {"lat": lat, "lng": lng}} if lat is not None and lng is not None else {}


class AddressForm(Spot):
    """Who, where, and which number to call."""

    line = forms.CharField(label=gettext_lazy("Street, house, unit"), max_length=200, error_messages=REQUIRED)
    city = forms.CharField(label=gettext_lazy("City (optional)"), max_length=60, required=False)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60, error_messages=REQUIRED)
    phone = forms.CharField(label=gettext_lazy("Mobile number"), max_length=30, error_messages=REQUIRED)

    def clean_phone(self) -> str:
        """Eleven digits."""
        return checked_phone(self.cleaned_data["phone"])

    def address(self) -> dict[str, Any]:
        """`{name, phone, line, city?, location?}`."""
        given = self.cleaned_data
        text = {name: given[name] for name in ("name", "phone", "line", "city") if given.get(name)}
        return text | self.spot()


class CheckoutForm(AddressForm):
    """Everything that a customer decides at the end; which questions are asked depends on shop and answers."""

    how = forms.ChoiceField(choices=[("deliver", ""), ("collect", "")], required=False)
    where = forms.ChoiceField(choices=[("kept", ""), ("other", "")], required=False)
    note = forms.CharField(
        label=gettext_lazy("Note for the shop and the rider (optional)"), max_length=LONGEST_ORDER_NOTE, required=False
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Pay with"),
        choices=Method.choices,
        error_messages={
            "required": gettext_lazy("Choose how to pay."), "invalid_choice": gettext_lazy("Choose how to pay."),
        },
    )  # fmt: skip
    key = forms.CharField(max_length=80)
    digest = forms.CharField(max_length=32)
    expected_deliver = forms.IntegerField(min_value=0)
    expected_collect = forms.IntegerField(min_value=0)

    def __init__(self, *args: Any, shop: Shop, kept: dict[str, Any], is_guest: bool = False, **named: Any) -> None:
        super().__init__(*args, **named)
        self.shop = shop
        self.kept = kept
        self.is_guest = is_guest
        for name in self._unasked():
            self.fields[name].required = False

    def _unasked(self) -> list[str]:
        """The questions of the address that this order does not depend on."""
        if self.shop.trade == Trade.DIGITAL:
            return ["line", "name", *["phone"] * (not self.is_guest)]
        if self.uses_kept:
            return ["line", "name", "phone"]
        return ["line"] if self.collects else []

    @property
    def uses_kept(self) -> bool:
        """Whether it goes to the address of last time."""
        default = "kept" if not self.is_bound else ""
        return bool(self.kept) and self.data.get("where", default) == "kept"

    @property
    def collects(self) -> bool:
        """Whether the customer comes to the shop."""
        return self.shop.allows_collection and self.data.get("how") == "collect"

    def clean_phone(self) -> str:
        """Eleven digits, where a number is asked for."""
        if self.fields["phone"].required:
            return checked_phone(self.cleaned_data["phone"])
        return ""

    @property
    def recipient(self) -> dict[str, Any]:
        """The address of the order; for card keys only a guest's number, which their private link asks for."""
        if self.shop.trade == Trade.DIGITAL:
            return {"phone": self.cleaned_data["phone"]} if self.is_guest else {}
        return self.kept if self.uses_kept else self.address()

    @property
    def expected_minor(self) -> int:
        """The total that the page showed for this way of getting it."""
        return int(self.cleaned_data["expected_collect" if self.collects else "expected_deliver"])
