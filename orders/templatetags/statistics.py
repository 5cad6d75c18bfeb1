"""What the statistics page draws with, and the way there; templates say `{% load statistics %}`."""

from typing import Any

from django import template
from django.utils.translation import gettext as _

from config.ground.figures import MINUS
from orders.access import owns
from orders.catalog.models import Shop, in_language

register = template.Library()

IN_SECONDS = 120  # below: "95 s"
IN_MINUTES = 7_200  # below: "12 min"


@register.inclusion_tag("merchant/_statistics_link.html", takes_context=True)
def statistics_link(context: template.Context, shop: Shop) -> dict[str, Any]:
    """Lead owners to the figures; nobody else."""
    request = context.get("request")
    may = request is not None and owns(request.user.pk, shop.public_id)
    return {"shop": shop, "may": may, "is_here": context.get("section") == "statistics"}


@register.filter
def took(ms: int | None) -> str:
    """`95000` → `95 s`, `720000` → `12 min`; a dash when there was nothing to time."""
    if ms is None:
        return "–"
    seconds = round(ms / 1_000)
    if seconds < IN_SECONDS:
        return _("%(n)s s") % {"n": seconds}
    if seconds < IN_MINUTES:
        return _("%(n)s min") % {"n": round(seconds / 60)}
    return _("%(n)s h") % {"n": round(seconds / 3_600)}


@register.filter
def change(now: int | None, before: int | None) -> str:
    """`120` against `100` → `+20 %`; nothing when there is nothing to compare with."""
    if now is None or not before or before < 0:
        return ""
    percent = round((now - before) * 100 / before)
    return "±0 %" if percent == 0 else f"{'+' if percent > 0 else MINUS}{abs(percent)} %"


@register.filter
def named(good: dict[str, Any]) -> str:
    """The name of a good in the active language."""
    return in_language(good["en"], good["zh"])
