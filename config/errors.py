"""The pages for what no view answers; config/urls.py hands them to Django as handler400 … handler500."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request itself cannot be read."""
    del exception  # its text may repeat what was sent
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
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: no context processors, no database; only the page and the number to quote."""
    return HttpResponse(render_to_string("500.html", {"trace": getattr(request, "trace", "")}), status=500)
