"""Each try to pay, for support to read."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from config.ground.figures import money
from orders.admin.readonly import ReadOnlyAdmin
from payments.models import Attempt


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Each try to pay."""

    list_display = [
        "out_trade_no",
        "order",
        "channel",
        "state",
        "disposition",
        "amount",
        "gateway_txn_no",
        "created_at",
    ]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("disposition", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    list_filter_submit = True
    list_select_related = ["order"]
    search_fields = ["out_trade_no", "gateway_txn_no", "public_id", "order__public_id"]
    exclude = ["code_url", "redirect_url"]

    @admin.display(description=_("amount"), ordering="amount_minor")
    def amount(self, attempt: Attempt) -> str:
        """With its sign."""
        return money(attempt.amount_minor, attempt.currency)
