"""Money on its way back, for support to read."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from config.ground.figures import money
from orders.admin.readonly import ReadOnlyAdmin
from payments.models import Refund


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """Money on its way back."""

    list_display = ["out_refund_no", "attempt", "amount", "reason", "state", "tries", "last_error", "requested_at"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        ("requested_at", RangeDateTimeFilter),
    ]
    list_filter_submit = True
    list_select_related = ["attempt"]
    search_fields = ["out_refund_no", "gateway_refund_no", "attempt__out_trade_no", "attempt__order__public_id"]

    @admin.display(description=_("amount"), ordering="amount_minor")
    def amount(self, refund: Refund) -> str:
        """With its sign."""
        return money(refund.amount_minor, refund.attempt.currency)
