"""Every address of the product, by surface; who may open each is said in tests/project/."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("api/v1/", include(("config.api", "api"))),
    path("rider/", include("tracking.rider.urls")),
    path("admin/", admin.site.urls),
]
