"""What staff see of the log and its export, read-only. What can be done stands in orders/admin, with its record."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from notifications.models import AnalyticsFile, Event


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows; nothing is added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: only the code that makes it happen adds a row."""
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: what happened stays as it was."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: what happened stays."""
        del request, obj
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The log, newest first."""

    list_display = ["position", "at", "stream", "version", "type", "actor", "account"]
    list_filter = ["type", "actor"]
    search_fields = ["=stream", "=account"]
    ordering = ["-id"]
    show_full_result_count = False


@admin.register(AnalyticsFile)
class AnalyticsFileAdmin(ReadOnlyAdmin):
    """The files of the export: what counts, what was merged away and is deleted soon."""

    list_display = ["name", "rows", "bytes", "level", "written_at", "replaced_at"]
    list_filter = ["level"]
    date_hierarchy = "day"
    ordering = ["-day", "-first"]
