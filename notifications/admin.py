"""What staff see of the log and its export, read-only. What can be done stands in orders/admin, with its record."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
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


class ByActor(admin.AllValuesFieldListFilter):
    """The actors in words."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Each actor that the log knows."""
        return (
            {**choice, "display": pgettext("desk", str(choice["display"]))} for choice in super().choices(changelist)
        )


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The log, newest first."""

    list_display = ["position", "at", "stream", "version", "type", "who", "account"]
    list_filter = ["type", ("actor", ByActor)]
    search_fields = ["=stream", "=account"]
    ordering = ["-id"]
    show_full_result_count = False

    @admin.display(description=_("actor"), ordering="actor")
    def who(self, event: Event) -> str:
        """The actor in words."""
        return pgettext("desk", event.actor)


@admin.register(AnalyticsFile)
class AnalyticsFileAdmin(ReadOnlyAdmin):
    """The files of the export: what counts, what was merged away and is deleted soon."""

    list_display = ["name", "rows", "bytes", "level", "written_at", "replaced_at"]
    list_filter = ["level"]
    date_hierarchy = "day"
    ordering = ["-day", "-first"]
