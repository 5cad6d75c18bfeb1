"""Is this process alive, and can it serve? For load balancers and the supervisor."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse


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
