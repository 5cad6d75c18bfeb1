"""The shop's figures for its owner: some days beside as many days before, from the exported events."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from notifications.analytics.reading import TooBusy
from notifications.analytics.store import StoreAway
from notifications.analytics.writing import the_store
from orders.catalog.models import Shop
from orders.merchant.door import owned
from orders.span import Span
from orders.statistics import charts
from orders.statistics.figures import Told, read
from orders.statistics.questions import LONGEST, today

RANGES = {"today": 1, "7": 7, "30": 30}  # name in the address → days up to today
USUAL = "7"
OLDEST = date(2000, 1, 1)


class DaysForm(forms.Form):
    """From which day to which, of the shop's zone; both count."""

    first = forms.DateField(label=gettext_lazy("First day"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    last = forms.DateField(label=gettext_lazy("Last day"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))

    def __init__(self, shop: Shop, *given: Any, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self.shop = shop

    def clean(self) -> dict[str, Any]:
        """Refuse days that are not there, and more than a year of them."""
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if not (first and last):
            return data
        if first < OLDEST or last > today(self.shop):
            self.add_error("last" if last > today(self.shop) else "first", _("Choose days up to today."))
        elif first > last:
            self.add_error("last", _("This day is before the first one."))
        elif (last - first).days >= LONGEST:
            self.add_error("first", _("Choose at most %(n)s days.") % {"n": LONGEST})
        return data


@owned
@require_safe
def statistics(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Some days up to today by name (`days=today`, `7`, `30`), or `first` to `last`."""
    span, form = span_of(request, shop)
    facts: dict[str, Any] = {"shop": shop, "section": "statistics", "form": form, "span": span, "ranges": RANGES}
    facts["chosen"] = "" if form.is_bound else request.GET.get("days", USUAL)
    if span is None:
        return render(request, "merchant/statistics.html", facts, status=422)
    try:
        told = read(the_store(), span)
    except (StoreAway, TooBusy) as trouble:
        facts["is_busy"] = isinstance(trouble, TooBusy)
        return render(request, "merchant/statistics.html", facts | {"is_away": True}, status=503)
    return render(request, "merchant/statistics.html", facts | _drawn(told))


def span_of(request: HttpRequest, shop: Shop) -> tuple[Span | None, DaysForm]:
    """The days that the address names, and the form that shows them; None for what are no days."""
    if "first" in request.GET or "last" in request.GET:
        form = DaysForm(shop, request.GET)
        if not form.is_valid():
            return None, form
        return Span(shop, form.cleaned_data["first"], form.cleaned_data["last"]), form
    last = today(shop)
    days = RANGES.get(request.GET.get("days", USUAL), RANGES[USUAL])
    span = Span(shop, last - timedelta(days=days - 1), last)
    return span, DaysForm(shop, initial={"first": span.first, "last": span.last})


def _drawn(told: Told) -> dict[str, Any]:
    """The figures, and their bars."""
    now = told.now
    return {
        "told": told,
        "until_on": told.until and told.until.astimezone(now.span.shop.tz).date(),
        "now": now,
        "before": told.before,
        "by_day": charts.bars([(f"{day.on:%m-%d}", day.revenue_minor) for day in now.days]),
        "by_hour": charts.bars([(f"{hour}:00", count) for hour, count in enumerate(now.hours)]),
    }
