"""What happens around every page: who asks, a trace number, a language, and a kind answer to a refusal."""

import re
import secrets
from collections.abc import Callable
from ipaddress import ip_network

import structlog
from django.conf import settings
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from config import errors
from config.ground.address import caller
from config.ground.problems import Refusal

Respond = Callable[[HttpRequest], HttpResponse]

# W3C Trace Context: version, trace id, parent id, flags; an id of zeros only is not one
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")

NUL = "\0"  # PostgreSQL keeps it in no text
LONGEST_NAME = 255  # bytes of one part of an address; no file name is longer


class ClientMiddleware:
    """Makes REMOTE_ADDR the caller's address behind the proxies of settings.TRUSTED_PROXIES, and nobody else's word."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response
        self.trusted = [ip_network(network) for network in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set the address before limits, sign-in and the record of revealed keys look at it."""
        meta = request.META
        address = caller(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""), self.trusted)
        if address:
            meta["REMOTE_ADDR"] = address
        return self.get_response(request)


class ReadableMiddleware:
    """Answers for every view what no view can look up: an address or a field that holds NUL, an endless name."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Find nothing under an address that nothing can have. Raises Http404."""
        path = request.path_info
        if NUL in path or any(len(part.encode()) > LONGEST_NAME for part in path.split("/")):
            raise Http404
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Say 400 when PostgreSQL refused a text for the NUL in it; leave every other exception to Django."""
        is_nul = isinstance(exception, DataError) and ("NUL" in str(exception) or "\\u0000" in str(exception))
        return errors.bad_request(request) if is_nul else None


class TraceMiddleware:
    """Gives the request a trace id, the caller's where it sent one; logs, events and X-Trace carry it."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the trace to everything logged until the answer is out."""
        sent = TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
        trace = sent[1] if sent else secrets.token_hex(16)
        flags = sent[2] if sent else "01"
        request.trace = trace  # type: ignore[attr-defined]
        traceparent = f"00-{trace}-{secrets.token_hex(8)}-{flags}"
        request.traceparent = traceparent  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(
            trace=trace,
            traceparent=traceparent,
        ):
            response = self.get_response(request)
        response["X-Trace"] = trace
        return response


def spoken_language(request: HttpRequest) -> str:
    """Choose the language of the cookie, else the best of Accept-Language; every kind of zh is zh-hans."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    if chosen in dict(settings.LANGUAGES):
        return chosen
    for tag, _quality in parse_accept_lang_header(request.headers.get("accept-language", "").lower()):
        if tag.startswith("zh"):
            return "zh-hans"
        if tag.startswith("en"):
            return "en"
    return settings.LANGUAGE_CODE


class LanguageMiddleware:
    """Speaks the person's language without moving them to another address."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate the language for this answer and say which one it is."""
        language = spoken_language(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class PrivateMiddleware:
    """Keeps pages of somebody (signed in, or with a cart, an address, a private link) out of every cache and history.

    Only pages and reports whose view said nothing itself; pictures and style sheets stay cachable.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Say `no-store` where something of a session may be on the page."""
        response = self.get_response(request)
        is_text = response.get("Content-Type", "").startswith("text/")
        if is_text and "Cache-Control" not in response and not request.session.is_empty():
            response["Cache-Control"] = "private, no-store"
        return response


class AdminPolicyMiddleware:
    """Widens the content security policy for /admin alone, whose widgets bring inline styles and eval."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Mark the answer; the CSP middleware outside of this one writes the header."""
        response = self.get_response(request)
        if request.path_info.startswith("/admin/"):
            response._csp_replace = settings.CONTENT_SECURITY_POLICY_ADMIN  # type: ignore[attr-defined]  # noqa: SLF001
        return response


class RefusalMiddleware:
    """Turns a refusal that a page did not show itself into a page that does, or a banner for htmx."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on; the work is in process_exception."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a Refusal with its sentence and status; leave every other exception to Django."""
        if not isinstance(exception, Refusal):
            return None
        facts = {"refusal": exception, "sentence": exception.detail, "status": exception.status}
        if not request.headers.get("HX-Request"):
            return render(request, "refused.html", facts, status=exception.status)
        response = render(request, "_refused.html", facts, status=exception.status)
        response["HX-Retarget"] = "#notices"
        response["HX-Reswap"] = "innerHTML"
        return response
