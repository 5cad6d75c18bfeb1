"""The demo's inbox: every letter to everybody, as it was written, in development only; config/urls.py leads here."""

from typing import Any

from csp.constants import NONE, UNSAFE_INLINE
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from notifications.letters.models import Letter
from notifications.letters.words import CHANNEL, STATE
from orders.models import User

A_PAGE = 20


@require_GET
@never_cache
def inbox(request: HttpRequest) -> HttpResponse:
    """The newest letters first, twenty a page; `?to=` one account, `?channel=` one way."""
    _only_here()
    rows = Letter.objects.order_by("-id")
    to, channel = request.GET.get("to", ""), request.GET.get("channel", "")
    if to:
        rows = rows.filter(person=to)
    if channel in CHANNEL:
        rows = rows.filter(channel=channel)
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    names = dict(User.objects.filter(public_id__in={one.account for one in page}).values_list("public_id", "username"))
    found = [_shown(one, names) for one in page]
    return render(
        request, "demo/inbox.html", {"rows": found, "page": page, "to": to, "channel": channel, "channels": CHANNEL}
    )


@require_GET
@never_cache
def letter(request: HttpRequest, letter_id: str) -> HttpResponse:
    """One letter as a mail program shows it; its inline styles are allowed on this page alone, nothing else is."""
    _only_here()
    del request
    found = get_object_or_404(Letter, public_id=letter_id)
    response = HttpResponse(
        found.html or found.text, content_type=f"text/{'html' if found.html else 'plain'}; charset=utf-8"
    )
    response._csp_replace = {"default-src": [NONE], "style-src": [UNSAFE_INLINE]}  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def _shown(one: Letter, names: dict[str, str]) -> dict[str, Any]:
    return {
        "letter": one, "to": names.get(one.account, ""), "channel": CHANNEL[one.channel], "state": STATE[one.state],
    }  # fmt: skip


def _only_here() -> None:
    if settings.PRODUCTION:
        raise Http404


app_name = "demo"
urlpatterns = [
    path("inbox/", inbox, name="inbox"),
    path("inbox/<str:letter_id>/", letter, name="letter"),
]
