"""The forms of one good and of one choice it offers; they translate fields into drafts and hold no rules."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from orders.catalog.models import Category, OptionGroup, Product, Shop, StockKind, Trade
from orders.services import ChoiceDraft, OptionDraft, ProductDraft, add_category
from orders.stock.models import KeyPool

MOST_PRICE = Decimal(1_000_000)
SPARE_OPTIONS = 3  # empty rows for more answers
NEW = "new"


def in_minor(amount: Decimal | None) -> int:
    """Yuan as typed → fen."""
    return int((amount or Decimal(0)) * 100)


def in_yuan(amount_minor: int) -> Decimal:
    """Fen → yuan as shown in a field."""
    return Decimal(amount_minor).scaleb(-2)


class PriceField(forms.DecimalField):
    """An amount in yuan with at most two decimals, never negative."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(min_value=Decimal(0), max_value=MOST_PRICE, decimal_places=2, **rest)


class ProductForm(forms.Form):
    """One good. Fields that its trade does not need are not asked for."""

    name_en = forms.CharField(label=gettext_lazy("Name, English"), max_length=120)
    name_zh = forms.CharField(label=gettext_lazy("Name, Chinese"), max_length=120)
    about_en = forms.CharField(label=gettext_lazy("One line about it, English"), max_length=240, required=False)
    about_zh = forms.CharField(label=gettext_lazy("One line about it, Chinese"), max_length=240, required=False)
    price = PriceField(label=gettext_lazy("Price, ¥"))
    category = forms.ChoiceField(label=gettext_lazy("Section of the menu"))
    new_category_en = forms.CharField(label=gettext_lazy("New section, English"), max_length=120, required=False)
    new_category_zh = forms.CharField(label=gettext_lazy("New section, Chinese"), max_length=120, required=False)
    stock_kind = forms.ChoiceField(label=gettext_lazy("Stock"))
    pool = forms.ModelChoiceField(label=gettext_lazy("Keys come from"), queryset=KeyPool.objects.none(), required=False)
    barcode = forms.RegexField(label=gettext_lazy("Barcode"), regex=r"^\d{8,14}$", required=False)
    shelf = forms.CharField(label=gettext_lazy("Shelf"), max_length=12, required=False)
    is_cold = forms.BooleanField(label=gettext_lazy("Cold: picked last, chilled bag"), required=False)
    is_listed = forms.BooleanField(label=gettext_lazy("On the menu"), required=False)
    picture = forms.FileField(label=gettext_lazy("Picture"), required=False)

    def __init__(self, shop: Shop, *given: Any, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self.shop = shop
        sections = [(str(section.pk), section.name) for section in shop.categories.all()]
        self._choices("category", [*sections, (NEW, _("A new section…"))])
        kinds = {StockKind.UNLIMITED: _("Made to order, never runs out"), StockKind.COUNTED: _("Counted")}
        if shop.trade == Trade.DIGITAL:
            kinds = {StockKind.KEYS: _("Card keys from a pool")}
        else:
            del self.fields["pool"]
        self._choices("stock_kind", list(kinds.items()))
        if shop.trade != Trade.GROCERY:
            for name in ("barcode", "shelf", "is_cold"):
                del self.fields[name]
        if "pool" in self.fields:
            self.fields["pool"].queryset = shop.pools.order_by("name")  # type: ignore[attr-defined]
        self.fields["is_listed"].initial = True

    def clean(self) -> dict[str, Any]:
        """A new section wants both names; card keys want a pool."""
        data = super().clean() or {}
        if data.get("category") == NEW:
            for name in ("new_category_en", "new_category_zh"):
                if not data.get(name, "").strip():
                    self.add_error(name, _("Please fill this in."))
        if data.get("stock_kind") == StockKind.KEYS and not data.get("pool"):
            self.add_error("pool", _("Please fill this in."))
        return data

    def draft(self) -> ProductDraft:
        """What the services take; makes the new section when one was asked for."""
        data = self.cleaned_data
        return ProductDraft(
            category=self._category(),
            price_minor=in_minor(data["price"]),
            **{name: data[name] for name in ("name_en", "name_zh", "about_en", "about_zh", "stock_kind", "is_listed")},
            **{name: data[name] for name in ("pool", "barcode", "shelf", "is_cold") if name in data},
        )

    @classmethod
    def of(cls, product: Product) -> dict[str, Any]:
        """The form's initial values for a good that is there."""
        names = ("name_en", "name_zh", "about_en", "about_zh", "stock_kind", "barcode", "shelf", "is_cold", "is_listed")
        values = {name: getattr(product, name) for name in names}
        return values | {
            "price": in_yuan(product.price_minor), "category": str(product.category_id), "pool": product.pool_id,
        }  # fmt: skip

    def _category(self) -> Category:
        data = self.cleaned_data
        if data["category"] != NEW:
            return self.shop.categories.get(pk=data["category"])
        names = {"name_en": data["new_category_en"].strip(), "name_zh": data["new_category_zh"].strip()}
        return add_category(self.shop.public_id, **names)

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices


class ChoiceForm(forms.Form):
    """One choice: its names and how many of its options may be taken."""

    name_en = forms.CharField(label=gettext_lazy("What is chosen, English"), max_length=120)
    name_zh = forms.CharField(label=gettext_lazy("What is chosen, Chinese"), max_length=120)
    least = forms.IntegerField(label=gettext_lazy("At least"), min_value=0, max_value=20, initial=0)
    most = forms.IntegerField(label=gettext_lazy("At most"), min_value=1, max_value=20, initial=1)

    def clean(self) -> dict[str, Any]:
        """`least` is not above `most`."""
        data = super().clean() or {}
        if data.get("least") is not None and data.get("most") is not None and data["least"] > data["most"]:
            self.add_error(
                "least", _("At least {n} cannot be more than at most {m}.").format(n=data["least"], m=data["most"])
            )
        return data


class OptionForm(forms.Form):
    """One answer; a row without names is no answer, which is also how one is taken off."""

    public_id = forms.CharField(widget=forms.HiddenInput, required=False)
    name_en = forms.CharField(label=pgettext_lazy("language", "English"), max_length=120, required=False)
    name_zh = forms.CharField(label=pgettext_lazy("language", "Chinese"), max_length=120, required=False)
    price = PriceField(label=gettext_lazy("Adds, ¥"), required=False)
    is_sold_out = forms.BooleanField(label=gettext_lazy("Sold out"), required=False)

    def clean(self) -> dict[str, Any]:
        """Both names, or none."""
        data = super().clean() or {}
        for name in ("name_en", "name_zh"):
            if not data.get(name, "").strip() and (data.get("name_en") or data.get("name_zh")):
                self.add_error(name, _("Please fill this in."))
        return data


OptionFormSet = forms.formset_factory(OptionForm, extra=SPARE_OPTIONS, max_num=30, validate_max=True)


def choice_draft(form: ChoiceForm, options: "forms.BaseFormSet[OptionForm]") -> ChoiceDraft:
    """What the service takes. Raises ValidationError when there are fewer options than must be chosen."""
    rows = [row.cleaned_data for row in options if row.cleaned_data.get("name_en")]
    drafts = tuple(
        OptionDraft(row["name_en"], row["name_zh"], in_minor(row["price"]), row["is_sold_out"], row["public_id"])
        for row in rows
    )
    data = form.cleaned_data
    if len(drafts) < max(1, data["least"]):
        raise ValidationError(_("Write at least as many options as must be chosen."))
    return ChoiceDraft(data["name_en"], data["name_zh"], data["least"], data["most"], drafts)


def initial_options(group: OptionGroup | None) -> list[dict[str, Any]]:
    """The rows of a choice that is there."""
    options = group.options.all() if group else []
    return [
        {
            "public_id": option.public_id, "name_en": option.name_en, "name_zh": option.name_zh,
            "price": in_yuan(option.price_minor), "is_sold_out": option.is_sold_out,
        }
        for option in options
    ]  # fmt: skip
