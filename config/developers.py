"""The page for integrators: how to follow orders from a program, each example as it runs, and the Python client.

The examples lie in templates/developers/code/; tests/journeys/test_developers.py runs them as the page shows them.
"""

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from notifications.live import client as python_client
from notifications.live import protocol
from notifications.live.protocol import Close
from notifications.live.web import STATUS

ENDS = {
    Close.BAD_MESSAGE: _("what was said is no message of the protocol; the reason says why"),
    Close.SIGN_IN: _("the key or ticket is not valid, or not any more: get another"),
    Close.FORBIDDEN: _("there is nothing to follow; another’s order is answered like one that never was"),
    Close.IDLE: _("nothing was followed for a minute, or promised heart-beats did not come"),
    Close.TOO_LARGE: _("a message was too long"),
    Close.TOO_MANY: _("too many connections of one account or address: close some, then come again"),
    Close.GOING: _("the server is going: come back after a random moment"),
    Close.TRY_LATER: _("too fast, or something is away: come back after a pause"),
}


@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """The page."""
    known = {
        "origin": settings.PUBLIC_URL if settings.PRODUCTION else f"{request.scheme}://{request.get_host()}",
        "ends": [(int(code), int(STATUS[code]), words) for code, words in ENDS.items()],
        "subscriptions": protocol.SUBSCRIPTIONS,
        "stream_topics": protocol.STREAM_TOPICS,
        "frame_limit": protocol.FRAME_LIMIT,
    }
    return render(request, "developers/guide.html", known)


@require_safe
def client(_request: HttpRequest) -> HttpResponse:
    """The Python client, to be saved as lockstep.py."""
    return HttpResponse(Path(python_client.__file__).read_bytes(), content_type="text/x-python; charset=utf-8")
