"""Integrators' API keys: `X-Api-Key: lk_…` (or `Authorization: Api-Key lk_…`)."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.ground import clock
from orders.people import ApiKey, User, hash_key

SCHEME = "Api-Key "


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticates the account that a key was issued to; a wrong or revoked key is 401."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's account, or None when the request carries no key."""
        secret = request.META.get("HTTP_X_API_KEY", "")
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not secret and header.startswith(SCHEME):
            secret = header.removeprefix(SCHEME).strip()
        if not secret:
            return None
        key = ApiKey.objects.select_related("user").filter(secret_hash=hash_key(secret), revoked_at=None).first()
        if key is None or not key.user.is_active:
            raise AuthenticationFailed
        today = clock.now().date()
        if key.last_used_on != today:
            ApiKey.objects.filter(pk=key.pk).update(last_used_on=today)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 names."""
        del request
        return "Api-Key"


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the key."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """A header."""
        del auto_schema
        return {"type": "apiKey", "in": "header", "name": "X-Api-Key"}
