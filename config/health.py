"""Is this process alive, and can it serve? For load balancers and the supervisor.

Answered before every other middleware: a probe asks by the address of the machine and without TLS.
"""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse


def livez(_request: HttpRequest) -> JsonResponse:
    """200 while the process answers at all."""
    return JsonResponse({"alive": True}, headers={"Cache-Control": "no-store"})


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 while PostgreSQL answers too, else 503; Redis may be away, that only makes things slower."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"ready": False, "waits_for": "PostgreSQL"}, status=503)
    return JsonResponse({"ready": True}, headers={"Cache-Control": "no-store"})


PROBES = {"/livez": livez, "/readyz": readyz}


class ProbeMiddleware:
    """The first of all middleware: answers probes, passes everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Probe or pass."""
        probe = PROBES.get(request.path)
        return probe(request) if probe else self.get_response(request)
