"""Turning pushes on and off for the browser that one sits in front of, and the service worker that shows them.

A cookie of the browser's own remembers which one it is: it outlives a visit as the subscription does, so signing out
ends the pushes of this browser (orders/account/views.py) and of no other.
"""

from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from config.ground.limits import Limit, hold
from config.ground.problems import MEDIA_TYPE, Refusal, as_problem
from notifications.letters import subscriptions
from orders.people import User

PACE = Limit(10, 10)  # times a minute that one account may turn it on
COOKIE = "push"
YEAR_SECONDS = 31_536_000


@require_POST
@login_required
def on(request: HttpRequest) -> HttpResponse:
    """Keep this browser for the account: `endpoint`, `p256dh`, `auth` as its push manager gave them."""
    user = _person(request)
    given = [request.POST.get(name, "") for name in ("endpoint", "p256dh", "auth")]
    try:
        hold(f"push:{user.public_id}", PACE)
        kept = subscriptions.add(user.public_id, *given)
    except Refusal as refusal:
        return JsonResponse(as_problem(refusal), status=refusal.status, content_type=MEDIA_TYPE)
    response = HttpResponse(status=204)
    response.set_signed_cookie(
        COOKIE, kept.public_id, salt=COOKIE, max_age=YEAR_SECONDS, httponly=True, samesite="Lax", secure=settings.SECURE
    )
    return response


@require_POST
@login_required
def off(request: HttpRequest) -> HttpResponse:
    """Forget this browser. One that is not known, or another account's, is no news."""
    subscriptions.remove(_person(request).public_id, request.POST.get("endpoint", ""))
    response = HttpResponse(status=204)
    response.delete_cookie(COOKIE)
    return response


def browser_of(request: HttpRequest) -> str:
    """The public id of the subscription of the browser that asks; empty when it has none, or made one up."""
    return str(request.get_signed_cookie(COOKIE, default="", salt=COOKIE))


@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: below the root, so that it may open every page; asked for anew at each visit."""
    del request
    headers = {"Service-Worker-Allowed": "/", "Cache-Control": "no-cache"}
    return HttpResponse(_script(), content_type="text/javascript; charset=utf-8", headers=headers)


@cache
def _script() -> bytes:
    found = finders.find("shared/sw.js")
    if not isinstance(found, str):
        raise Http404
    return Path(found).read_bytes()


def _person(request: HttpRequest) -> User:
    if not settings.PUSH or not isinstance(request.user, User):
        raise Http404
    return request.user
