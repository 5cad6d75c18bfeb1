"""Every address of the product, by surface; who may open each is said in tests/project/."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.static import serve

from config import developers

handler400 = "config.errors.bad_request"
handler403 = "config.errors.denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("", include("orders.storefront.urls")),
    path("account/", include("orders.account.urls")),
    path("merchant/", include("payments.merchant.urls")),
    path("merchant/", include("orders.merchant.urls")),
    path("warehouse/", include("orders.warehouse.urls")),
    path("", include("payments.storefront.urls")),
    path("rider/", include("tracking.rider.urls")),
    path("rider/", include("payments.rider.urls")),
    path("callbacks/", include("payments.callbacks")),
    path("api/v1/", include(("config.api", "api"))),
    path("developers/", developers.guide, name="developers"),
    path("developers/lockstep.py", developers.client, name="developers_client"),
    path("admin/", admin.site.urls),
    *([] if settings.PRODUCTION else [path("demo/", include("config.demo.inbox"))]),
    path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}),
]
