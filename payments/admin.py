"""What payments remember, for support to read: attempts, messages of gateways, refunds, the books, the checks."""

import json

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from config.ground.figures import money
from orders.admin.readonly import ReadOnlyAdmin
from payments.models import Attempt, Difference, InboxEntry, LedgerEntry, LedgerPosting, Refund, Run


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


@admin.register(InboxEntry)
class InboxEntryAdmin(ReadOnlyAdmin):
    """What gateways told us, as it came."""

    list_display = ["received_at", "channel", "source", "out_trade_no", "verified", "reject_reason", "processed_at"]
    list_filter = ["channel", ("source", ChoicesDropdownFilter), "verified", ("received_at", RangeDateTimeFilter)]
    list_filter_submit = True
    search_fields = ["out_trade_no", "dedupe_key"]
    fields = ["received_at", "processed_at", "channel", "source", "dedupe_key", "out_trade_no", "verified"]
    fields += ["reject_reason", "headers", "text"]
    readonly_fields = ["text"]

    @admin.display(description=_("body"))
    def text(self, entry: InboxEntry) -> str:
        """The body, indented when it is JSON."""
        body = bytes(entry.body).decode(errors="replace")
        try:
            return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        except ValueError:
            return body


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
