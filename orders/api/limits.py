"""How often a principal may call: GCRA in Redis, one call, no race."""

from typing import ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.ground.limits import Limit, hold


class GcraThrottle(BaseThrottle):
    """Base: `scope` names the counter, `setting` the entry of settings.API_LIMITS ((per minute, burst))."""

    scope: ClassVar[str] = "read"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """True, or TooMany with the seconds to wait."""
        del view
        user = request.user
        who = str(user.pk) if user.is_authenticated else request.META.get("REMOTE_ADDR", "")
        hold(f"api:{self.scope}:{who}", Limit(*settings.API_LIMITS[self.scope]))
        return True


class ReadThrottle(GcraThrottle):
    """Reads."""


class WriteThrottle(GcraThrottle):
    """Everything that changes something."""

    scope = "write"
