"""Every error of the API in one shape: RFC 9457 problem+json with a stable `code`."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config.ground.problems import MEDIA_TYPE, Refusal, as_problem, problem


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None (a real fault) becomes a 500 problem in config/errors.py."""
    request = context.get("request")
    trace = getattr(request, "trace", "") if request is not None else ""
    document = _problem(error, trace)
    if document is None:
        return None
    set_rollback()
    headers = {"Retry-After": str(document["retryAfter"])} if "retryAfter" in document else {}
    if document["status"] == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return Response(document, status=document["status"], content_type=MEDIA_TYPE, headers=headers)


def _problem(error: Exception, trace: str) -> dict[str, Any] | None:
    if isinstance(error, Refusal):
        document = as_problem(error, trace=trace)
        if "retry_after" in error.facts:
            document["retryAfter"] = error.facts["retry_after"]
        return document
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flatten(error.get_full_details(), ""))
        detail = _("%(n)s things need a look. Nothing was lost.") % {"n": len(errors)}
        document = problem("validation_failed", 422, detail, trace=trace)
        return document | {"errors": errors, "field": errors[0]["field"] if errors else ""}
    for kinds, code, status, words in (
        (Http404 | exceptions.NotFound, "not_found", 404, _("We cannot find this. Check the address and the id.")),
        (exceptions.NotAuthenticated, "unauthenticated", 401, _("Send a valid token or API key.")),
        (exceptions.AuthenticationFailed, "unauthenticated", 401, _("Send a valid token or API key.")),
        (PermissionDenied, "forbidden", 403, _("Not allowed.")),
    ):
        if isinstance(error, kinds):
            return problem(code, status, words, trace=trace)
    if isinstance(error, exceptions.APIException):
        return problem(str(error.default_code), error.status_code, str(error.detail), trace=trace)
    return None


def _flatten(details: Any, path: str) -> Any:
    """DRF's nested details as rows of {field, code, detail}; list places as `items[0].quantity`."""
    if isinstance(details, dict) and set(details) >= {"message", "code"}:
        yield {"field": path, "code": details["code"], "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            if isinstance(name, int) or str(name).isdigit():
                yield from _flatten(inner, f"{path}[{name}]")
            elif name == "non_field_errors":
                yield from _flatten(inner, path)
            else:
                yield from _flatten(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(details, list):
        leaves = all(isinstance(inner, dict) and set(inner) >= {"message", "code"} for inner in details)
        for index, inner in enumerate(details):
            yield from _flatten(inner, path if leaves else f"{path}[{index}]")
