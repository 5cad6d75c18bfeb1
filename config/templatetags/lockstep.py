"""What every page draws with: icons, badges, pictures, money and times; templates say `{% load lockstep %}`."""

import json
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from django import template
from django.forms import BoundField
from django.template import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from config import modules
from config.arts import art_of
from config.ground import clock as time_now
from config.ground import figures
from config.ground.word import Word
from config.icons import ICONS

register = template.Library()

AGE_IN_SECONDS = 60  # below: "6 s"
AGE_IN_MINUTES = 3_600  # below: "4 min"; from then on the clock time says more


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """Draw one icon: `{% icon "bike" %}`, small `{% icon "bike" "s" %}`. Silent to screen readers."""
    return format_html(
        '<svg class="{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{}"/></svg>',
        f"i {classes}".strip(),
        ICONS[name],
    )


@register.simple_tag
def badge(word: Word, **facts: Any) -> SafeString:
    """Draw a word of the glossary: family, shape and text. `facts` fill its placeholders."""
    return format_html(
        '<span class="badge {}">{}<span>{}</span></span>',
        word.family,
        icon(word.icon) if word.icon else "",
        word.format(**facts),
    )


@register.simple_tag
def words(word: Word, **facts: Any) -> str:
    """Say a word of the glossary without its badge."""
    return word.format(**facts)


@register.simple_tag
def live_words(table: Mapping[str, Mapping[str, str]]) -> SafeString:
    """Embed the labels that live frames name by their key; patch.js draws each icon from its path."""
    drawn = {key: {**label, "icon": ICONS.get(label.get("icon", ""), "")} for key, label in table.items()}
    text = json.dumps(drawn, ensure_ascii=False)
    for letter, code in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(letter, code)  # so that no text can end the script element
    return format_html('<script type="application/json" data-live-words>{}</script>', mark_safe(text))  # noqa: S308


@register.simple_tag
def mark() -> SafeString:
    """Draw the brand's mark: two staircases in step."""
    return mark_safe(
        '<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">'
        '<rect class="mark-ground" width="32" height="32" rx="9"/>'
        '<polyline class="mark-step" points="6,20 12,20 12,15 18,15 18,10 26,10"/>'
        '<polyline class="mark-echo" points="6,26 16,26 16,21 22,21 22,16 26,16"/></svg>'
    )


@register.simple_tag
def art(thing: Any, alt: str = "") -> SafeString:
    """Show the picture of a shop or good, or the drawing it names. Decorative unless `alt` says more."""
    picture = getattr(thing, "picture", None)
    address = picture.url if picture else static(f"shared/art/{art_of(thing)}.svg")
    return format_html('<img class="pic" src="{}" alt="{}" width="160" height="120" loading="lazy">', address, alt)


@register.filter
def money(amount_minor: int | None, currency: str = "CNY") -> str:
    """`{{ order.total_minor|money }}` → `¥84.00`; nothing for None."""
    return "" if amount_minor is None else figures.money(int(amount_minor), currency)


@register.filter
def clock(at: datetime | None, zone: str | tzinfo | None = None) -> str:
    """`{{ at|clock:shop.zone }}` → `18:42`; nothing for None."""
    return "" if at is None else figures.clock_time(at, zone or timezone.get_current_timezone())


@register.filter
def seconds(at: datetime | None, zone: str | tzinfo | None = None) -> str:
    """`{{ at|seconds:shop.zone }}` → `18:42:07`, for paying and for staff."""
    return "" if at is None else figures.clock_time(at, zone or timezone.get_current_timezone(), seconds=True)


@register.filter
def age(at: datetime | None) -> str:
    """`6 s`, `4 min`, then the clock time; nothing for None."""
    if at is None:
        return ""
    passed = max(0, int((time_now.now() - at).total_seconds()))
    if passed < AGE_IN_SECONDS:
        return gettext("%(n)s s") % {"n": passed}
    if passed < AGE_IN_MINUTES:
        return gettext("%(n)s min") % {"n": passed // 60}
    return clock(at)


@register.simple_tag
def moment(at: datetime | None, zone: str | tzinfo | None = None) -> SafeString | str:
    """`{% moment event.at shop.zone %}` → `<time datetime="…">18:42</time>`."""
    if at is None:
        return ""
    return format_html('<time datetime="{}">{}</time>', at.isoformat(timespec="seconds"), clock(at, zone))


@register.simple_tag
def window(early: datetime, late: datetime, zone: str | tzinfo) -> str:
    """`{% window order.early order.late shop.zone %}` → `18:42–18:50`."""
    return figures.window(early, late, zone)


@register.filter
def width(percent: float) -> str:
    """Name the class of a bar's filled part, `w45`: the nearest step of 5, because no page has inline styles."""
    return f"w{min(100, max(0, round(float(percent) / 5) * 5))}"


@register.simple_tag
def countdown(deadline: datetime, say: str = "", total: int = 0, bar: str = "", after: str = "") -> SafeString:
    """Draw a timer that counts to the server's `deadline`.

    `say` is spoken at half, 60, 30 and 10 seconds with {left} in it; `total` are the seconds of the whole span;
    `bar` is the id of a `.bar` that shrinks with it; `after` the id of an element that htmx refreshes at zero.
    """
    left = (deadline - time_now.now()).total_seconds()
    return format_html(
        '<b class="strong" role="timer" data-countdown="{}" data-total="{}" data-say="{}" data-bar="{}"'
        ' data-after="{}">{}</b>',
        deadline.isoformat(),
        total,
        say,
        bar,
        after,
        figures.span(left),
    )


@register.inclusion_tag("_fresh.html", takes_context=True)
def fresh(context: Context, zone: str | tzinfo | None = None, *, refresh: bool = True) -> dict[str, Any]:
    """Draw the freshness pill. `refresh=False` inside a link, where a second link may not stand."""
    request = context.get("request")
    return {
        "at": time_now.now(),
        "zone": zone or timezone.get_current_timezone(),
        "here": request.get_full_path() if request is not None and refresh else "",
    }


@register.inclusion_tag("_field.html")
def field(bound: BoundField, hint: str = "", **attributes: str) -> dict[str, Any]:
    """Draw one form field with label, hint and errors. `input_mode="numeric"` becomes `inputmode`."""
    described = [f"{bound.id_for_label}-hint"] * bool(hint or bound.help_text)
    described += [f"{bound.id_for_label}-error"] * bool(bound.errors)
    attrs: dict[str, str | bool] = {name.replace("_", ""): value for name, value in attributes.items()}
    attrs.setdefault("class", "input")
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    return {"field": bound, "hint": hint or bound.help_text, "widget": bound.as_widget(attrs=attrs)}


@register.simple_tag
def needs_a_look(form: Any) -> str:
    """Say how many fields of a refused form need a look."""
    count = len(form.errors)
    return ngettext(
        "%(n)s thing needs a look. Nothing was lost.", "%(n)s things need a look. Nothing was lost.", count
    ) % {"n": count}


@register.simple_tag(takes_context=True)
def import_map(context: Context) -> SafeString:
    """Write the import map: every module of config/static under its short name `lockstep/…`."""
    table = mark_safe(modules.as_json())  # noqa: S308 (our own file names, already safe inside a script)
    return format_html('<script type="importmap" nonce="{}">{}</script>', context.get("csp_nonce", ""), table)
