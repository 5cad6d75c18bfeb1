"""Who of support did what: to read."""

from django.contrib import admin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from orders.admin.readonly import ReadOnlyAdmin
from orders.models import StaffAction


@admin.register(StaffAction)
class StaffActionAdmin(ReadOnlyAdmin):
    """Every repair with its reason, and every try that a role did not allow."""

    list_display = ["at", "user", "role", "does", "outcome", "order", "reason", "seen_version", "version"]
    list_filter = [("outcome", ChoicesDropdownFilter), ("cause", ChoicesDropdownFilter), ("at", RangeDateTimeFilter)]
    list_filter_submit = True
    list_select_related = ["user", "order"]
    search_fields = ["public_id", "order__public_id", "user__username", "does"]
