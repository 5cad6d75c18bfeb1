"""What the checks did and what did not add up."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from config.ground.figures import money
from orders.admin.readonly import ReadOnlyAdmin
from payments.models import Difference, Run


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Every hourly check, also those that found nothing."""

    list_display = ["started_at", "ended_at", "found", "error"]


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    """What two sides disagree on."""

    list_display = ["found_at", "kind", "subject", "state", "ours", "theirs", "remark"]
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    list_filter_submit = True
    search_fields = ["subject"]

    @admin.display(description=_("ours"))
    def ours(self, difference: Difference) -> str:
        """With its sign."""
        return "–" if difference.ours_minor is None else money(difference.ours_minor)

    @admin.display(description=_("theirs"))
    def theirs(self, difference: Difference) -> str:
        """With its sign."""
        return "–" if difference.theirs_minor is None else money(difference.theirs_minor)
