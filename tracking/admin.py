"""Riders and deliveries for support: to read, never to change; changes go through services."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from tracking.models import Delivery, Rider


class ReadOnlyAdmin(ModelAdmin):
    """Nothing is added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False


@admin.register(Rider)
class RiderAdmin(ModelAdmin):
    """Who carries. Support mends vehicle and look; going on and off duty is the rider's own."""

    list_display = ["public_id", "user", "vehicle", "is_on_duty", "duty_changed_at"]
    list_filter = ["is_on_duty", "vehicle"]
    search_fields = ["public_id", "user__username", "user__first_name"]
    list_select_related = ["user"]
    readonly_fields = ["public_id", "is_on_duty", "duty_changed_at", "created_at"]
    autocomplete_fields = ["user"]
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Rider | None = None) -> list[str]:
        """A rider stays the same person."""
        fixed = [*super().get_readonly_fields(request, obj)]
        return [*fixed, "user"] if obj else fixed

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never: their deliveries are kept."""
        return False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Each carrying of an order."""

    list_display = ["public_id", "order", "rider", "state", "claimed_at", "collected_at", "delivered_at", "closed_at"]
    list_filter = ["state"]
    search_fields = ["public_id", "order__public_id", "rider__public_id", "rider__user__username"]
    list_select_related = ["order", "rider__user"]
    readonly_fields = ["order", "rider"]
