"""REST API v1, gathered: the apps' addresses, tokens, the OpenAPI document and its reader."""

from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.http import require_GET
from drf_spectacular.views import SpectacularAPIView
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from config.ground.problems import MEDIA_TYPE
from notifications.seal.note import HEADER
from orders.api.limits import WriteThrottle

SIGNED = {
    "webhook-id": "The same on every retry of one message.",
    "webhook-timestamp": "Seconds since 1970 of this attempt.",
    "webhook-signature": "`v1,<base64 HMAC-SHA256 of id.timestamp.body>`, several while a secret rotates.",
}
CARRIED = {
    HEADER: "The newest signed checkpoint of our log when this attempt was made: base64 of a C2SP signed note "
    "(origin, size, root, Ed25519 signature). Keep it: if we ever rewrote the log, an export would not fit it.",
    "traceparent": "W3C trace context of the request that made it happen.",
}
WEBHOOK_HEADERS = SIGNED | CARRIED
JSON = "application/json"
OLDER = {"OAS_VERSION": "3.0.3"}  # for generators that do not read 3.1: manage.py spectacular --custom-settings


@require_GET
def older_document(request: HttpRequest) -> HttpResponse:
    """The contract as OpenAPI 3.0.3: the committed file, for making one switches the version of the whole process."""
    del request
    text = (Path(__file__).parent / "openapi-3.0.yaml").read_text(encoding="utf-8")
    return HttpResponse(text, content_type="application/vnd.oai.openapi; charset=utf-8")


urlpatterns = [
    path("", include("orders.api.urls")),
    path("", include("payments.api.urls")),
    path("", include("tracking.api")),
    path("auth/token", TokenObtainPairView.as_view(throttle_classes=[WriteThrottle]), name="token"),
    path("auth/token/refresh", TokenRefreshView.as_view(throttle_classes=[WriteThrottle]), name="token-refresh"),
    path("openapi.yaml", SpectacularAPIView.as_view(), name="openapi"),
    path("openapi-3.0.yaml", older_document, name="openapi-older"),
]


def add_callback_headers(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Document the signature headers of every callback (the generator drops header parameters there)."""
    for path_item in result["paths"].values():
        for operation in path_item.values():
            for callback in operation.get("callbacks", {}).values():
                for inner in callback.values():
                    inner["post"]["parameters"] = [
                        {
                            "in": "header",
                            "name": name,
                            "required": name in SIGNED,
                            "description": words,
                            "schema": {"type": "string"},
                        }
                        for name, words in WEBHOOK_HEADERS.items()
                    ]
    return result


def document_problems(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Document what every operation may answer besides its own: problems, as problem+json.

    Without a valid token or key 401 (where one is asked for), too fast 429, an id that nothing has 404, a body that
    cannot be read or believed 400, 413, 415 and 422.
    """
    problem = {"$ref": "#/components/schemas/Problem"}
    for address, path_item in result["paths"].items():
        for operation in path_item.values():
            codes = {"400", "429"}
            codes |= {"401"} if any(operation.get("security", [{}])) or "/auth/" in address else set()
            codes |= {"404"} if "{" in address else set()
            codes |= {"413", "415", "422"} if "requestBody" in operation else set()
            for code in sorted(codes - set(operation["responses"])):
                operation["responses"][code] = {"description": "problem+json", "content": {JSON: {"schema": problem}}}
            operation["responses"] = dict(sorted(operation["responses"].items()))
            for answer in operation["responses"].values():
                if answer.get("content", {}).get(JSON, {}).get("schema") == problem:
                    answer["content"] = {MEDIA_TYPE: {"schema": problem}}
    return result
