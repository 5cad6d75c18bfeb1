"""The books, for support to read."""

from django.contrib import admin
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter

from orders.admin.readonly import ReadOnlyAdmin
from payments.models import LedgerEntry, LedgerPosting


class PostingInline(TabularInline):
    """Both sides of an entry."""

    model = LedgerPosting
    extra = 0
    can_delete = False

    def has_add_permission(self, request: object, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def has_view_permission(self, request: object, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Whoever may read the entry."""
        return True


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """The books."""

    list_display = ["booked_at", "ref", "order_ref", "currency"]
    list_filter = [("booked_at", RangeDateTimeFilter)]
    list_filter_submit = True
    search_fields = ["ref", "order_ref"]
    inlines = [PostingInline]
