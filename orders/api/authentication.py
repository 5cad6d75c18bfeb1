"""Integrators' API keys: `X-Api-Key: lk_…` (or `Authorization: Api-Key lk_…`)."""

from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.ground import clock
from orders.people import ApiKey, User, hash_key

SCHEME = "Api-Key "


@cache
def _sql() -> str:
    columns = (f"{table}.{field.column}" for table, model in (("k", ApiKey), ("u", User)) for field in _fields(model))
    return (
        f"SELECT {', '.join(columns)} FROM orders_apikey k JOIN orders_user u ON u.id = k.user_id "  # noqa: S608 - names of our own columns
        "WHERE k.secret_hash = %s AND k.revoked_at IS NULL"
    )


def _fields(model: type[Model]) -> tuple[Any, ...]:
    return tuple(model._meta.concrete_fields)  # noqa: SLF001 - public by practice


def _find(secret: str) -> ApiKey | None:
    """The living key with its user. Each call of a program begins here, so the statement is written once, by hand."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(), [hash_key(secret)])
        row = cursor.fetchone()
    if row is None:
        return None
    mine, theirs = ([field.attname for field in _fields(model)] for model in (ApiKey, User))
    key = ApiKey.from_db(DEFAULT_DB_ALIAS, mine, row[: len(mine)])
    key.user = User.from_db(DEFAULT_DB_ALIAS, theirs, row[len(mine) :])
    return key


def secret_of(request: Request) -> str:
    """The key that a request carries, "" for none."""
    secret: str = request.META.get("HTTP_X_API_KEY", "")
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    if not secret and header.startswith(SCHEME):
        secret = header.removeprefix(SCHEME).strip()
    return secret


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticates the account that a key was issued to; a wrong or revoked key is 401."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's account, or None when the request carries no key."""
        secret = secret_of(request)
        if not secret:
            return None
        key = _find(secret)
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
