"""What gateways told us, as it came, for support to read."""

import json

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from orders.admin.readonly import ReadOnlyAdmin
from payments.models import InboxEntry


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
