"""What staff see of the log: every event, read-only, and what readers could not handle, with a retry."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from config.ground import clock
from notifications.models import Event, ParkedEvent, RegisteredHost


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


@admin.register(ParkedEvent)
class ParkedEventAdmin(ReadOnlyAdmin):
    """Events a reader could not handle, the waiting ones first."""

    list_display = ["reader", "stream", "position", "tries", "error", "parked_at", "next_try_at", "resolved_at"]
    list_filter = ["reader", ("resolved_at", admin.EmptyFieldListFilter)]
    search_fields = ["=stream"]
    ordering = ["resolved_at", "reader", "position"]
    actions = ["retry"]

    @admin.action(description=_("Try again now"))
    def retry(self, request: HttpRequest, parked: QuerySet[ParkedEvent]) -> None:
        """Make the chosen streams due: the relay tries them within a second, in order."""
        streams = set(parked.filter(resolved_at=None).values_list("reader", "stream"))
        for reader, stream in streams:
            waiting = ParkedEvent.objects.filter(reader=reader, stream=stream, resolved_at=None)
            waiting.update(next_try_at=clock.now())
        self.message_user(
            request, _("Tried again within a second, in order: {n}.").format(n=len(streams)), messages.SUCCESS
        )


@admin.register(RegisteredHost)
class RegisteredHostAdmin(ModelAdmin):
    """Which hosts an integrator may be notified at."""

    list_display = ["account", "host", "registered_at"]
    search_fields = ["=account", "host"]
