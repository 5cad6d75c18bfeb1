"""REST API v1, gathered: the apps' addresses, tokens, the OpenAPI document and its reader."""

from typing import Any

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

WEBHOOK_HEADERS = {
    "webhook-id": "The same on every retry of one message.",
    "webhook-timestamp": "Seconds since 1970 of this attempt.",
    "webhook-signature": "`v1,<base64 HMAC-SHA256 of id.timestamp.body>`, several while a secret rotates.",
}

urlpatterns = [
    path("", include("orders.api.urls")),
    path("", include("payments.api")),
    path("", include("tracking.api")),
    path("auth/token", TokenObtainPairView.as_view(), name="token"),
    path("auth/token/refresh", TokenRefreshView.as_view(), name="token-refresh"),
    path("openapi.yaml", SpectacularAPIView.as_view(), name="openapi"),
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
                            "required": True,
                            "description": words,
                            "schema": {"type": "string"},
                        }
                        for name, words in WEBHOOK_HEADERS.items()
                    ]
    return result
