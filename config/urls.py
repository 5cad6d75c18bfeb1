"""Every address of the product, by surface; who may open each is said in tests/project/."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
