"""What every template may ask about the product and this visit; settings.TEMPLATES names `product`."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from config.ground import clock

THEMES = ("light", "dark")
TAGS = {"en": "en", "zh-hans": "zh-Hans"}  # the spelling that <html lang> wants
OTHER = {"en": ("zh-hans", "中文"), "zh-hans": ("en", "English")}


def product(request: HttpRequest) -> dict[str, Any]:
    """Sandbox, theme, languages, nonce, trace number and the server's clock.

    `theme` is empty when the person chose none: the device decides. `other_language` is (code, its own name).
    """
    language = get_language() or settings.LANGUAGE_CODE
    chosen = request.COOKIES.get("theme", "")
    return {
        "sandbox": settings.SANDBOX,
        "theme": chosen if chosen in THEMES else "",
        "language": language,
        "html_lang": TAGS.get(language, language),
        "other_language": OTHER.get(language, OTHER["en"]),
        "csp_nonce": getattr(request, "csp_nonce", ""),
        "trace": getattr(request, "trace", ""),
        "server_now": clock.now(),
    }
