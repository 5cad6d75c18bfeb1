"""Names of models, fields and choices in the reader's language: the models are written in English alone.

config/apps.py calls `translate` once, when every app is there; the Chinese stands in the staff's catalogue.
"""

from typing import Any

from django.apps import apps
from django.utils.functional import lazy
from django.utils.translation import npgettext, pgettext

DESK = "desk"


def translate() -> None:
    """Look up every name, help text and choice when it is shown; what the catalogue lacks stays English.

    Translators write a word under the context `desk`, or under one place's own (`orders.Shop`, `orders.Shop.line`)
    where it means something else there. Migrations are made in English, so they see no change.
    """
    for config in apps.get_app_configs():
        config.verbose_name = _shown(config.verbose_name, config.label)
    for model in apps.get_models():
        meta: Any = model._meta  # noqa: SLF001 - public by practice
        if isinstance(meta.verbose_name, str):
            one, many = meta.verbose_name, str(meta.verbose_name_plural)
            meta.verbose_name = _lazily(meta.label, one)
            meta.verbose_name_plural = _lazily(meta.label, one, many)
        for field in (*meta.local_fields, *meta.local_many_to_many):
            _translate_field(field)


def _translate_field(field: Any) -> None:
    place = str(field)
    field.verbose_name = _shown(field.verbose_name, place)
    field.help_text = _shown(field.help_text, place)
    if field.choices:
        field.choices = [(value, _shown(label, place)) for value, label in field.flatchoices]


def _shown(text: Any, place: str) -> Any:
    """Leave alone what is lazy already, and what is no text."""
    return _lazily(place, text) if text and isinstance(text, str) else text


def _said(place: str, one: str, many: str = "") -> str:
    """What the active language calls it there, else anywhere at the desk, else as it was written."""
    written = many or one
    for context in (place, DESK):
        said = npgettext(context, one, many, 2) if many else pgettext(context, one)
        if said != written:
            return said
    return written


_lazily = lazy(_said, str)
