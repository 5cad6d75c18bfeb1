"""The pages for what no view answers; config/urls.py hands them to Django as handler400 … handler500."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request itself cannot be read."""
    del exception  # its text may repeat what was sent
    if request.path.startswith("/api/"):
        problem = {"type": "/problems/bad_request", "title": "bad request", "status": 400, "code": "bad_request"}
        detail = str(_("Nothing was changed. Go back, look at what was typed and send it again."))
        return JsonResponse(problem | {"detail": detail}, status=400, content_type="application/problem+json")
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
        problem = {"type": "/problems/not_found", "title": "not found", "status": 404, "code": "not_found"}
        detail = str(_("We cannot find this. Check the address and the id."))
        return JsonResponse(problem | {"detail": detail}, status=404, content_type="application/problem+json")
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: no context processors, no database; only the page (or problem) and the number to quote."""
    if request.path.startswith("/api/"):
        return JsonResponse(_fault(request), status=500, content_type="application/problem+json")
    return HttpResponse(render_to_string("500.html", {"trace": getattr(request, "trace", "")}), status=500)


def _fault(request: HttpRequest) -> dict[str, object]:
    trace = getattr(request, "trace", "")
    detail = _("Something broke on our side. Your order and money are safe. Number {trace}.").format(trace=trace)
    problem = {"type": "/problems/server_error", "title": "server error", "status": 500, "code": "server_error"}
    return problem | {"detail": detail, "trace": trace}
