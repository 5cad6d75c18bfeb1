"""The pages for what no view answers; config/urls.py hands them to Django as handler400 … handler500."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from config.ground.problems import MEDIA_TYPE, problem


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request itself cannot be read."""
    del exception  # its text may repeat what was sent
    if request.path.startswith("/api/"):
        return _problem(
            "bad_request", 400, _("Nothing was changed. Go back, look at what was typed and send it again.")
        )
    return render(request, "400.html", status=400)


def denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: signed in, but this is not theirs to do."""
    del exception
    return render(request, "403.html", status=403)


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form's token is gone, mostly after signing in or out elsewhere (CSRF_FAILURE_VIEW)."""
    del reason  # it helps an attacker more than a person
    return render(request, "403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: nothing here, or nothing here for them."""
    del exception
    if request.path.startswith("/api/"):
        return _problem("not_found", 404, _("We cannot find this. Check the address and the id."))
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: no context processors, no database; only the page (or problem) and the number to quote."""
    trace = getattr(request, "trace", "")
    if request.path.startswith("/api/"):
        words = _("Something broke on our side. Your order and money are safe. Number {trace}.")
        return _problem("server_error", 500, words.format(trace=trace), trace=trace)
    return HttpResponse(render_to_string("500.html", {"trace": trace}), status=500)


def _problem(code: str, status: int, detail: str, *, trace: str = "") -> JsonResponse:
    return JsonResponse(problem(code, status, detail, trace=trace), status=status, content_type=MEDIA_TYPE)
