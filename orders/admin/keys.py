"""Card keys for support: pools and states to read. No page here unseals a key, and none lists its text."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from orders.admin.readonly import ReadOnlyAdmin
from orders.models import Key, KeyImport, KeyPool, KeyReveal, KeyVoiding


@admin.register(KeyPool)
class KeyPoolAdmin(ReadOnlyAdmin):
    """How many keys each heap still has, counted."""

    list_display = ["public_id", "name", "shop", "uses", "available", "reserved", "issued", "void", "low_since"]
    search_fields = ["public_id", "name"]
    list_select_related = ["shop"]
    fields = ["public_id", "name", "shop", "uses", "per_buyer", "low_at", "low_since"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeyPool]:
        """With the counts of each state."""
        states = {f"n_{state.lower()}": Count("keys", filter=Q(keys__state=state)) for state in Key.State.values}
        units = Sum("keys__uses_left", filter=Q(keys__state=Key.State.AVAILABLE), default=0)
        return super().get_queryset(request).annotate(**states, units=units)

    @admin.display(description=_("available"))
    def available(self, pool: Any) -> int:
        """Units that can be sold."""
        return int(pool.units)

    @admin.display(description=_("reserved"))
    def reserved(self, pool: Any) -> int:
        """Held by running orders."""
        return int(pool.n_reserved)

    @admin.display(description=_("issued"))
    def issued(self, pool: Any) -> int:
        """With their buyers."""
        return int(pool.n_used)

    @admin.display(description=_("void"))
    def void(self, pool: Any) -> int:
        """Taken out."""
        return int(pool.n_void)


@admin.register(Key)
class KeyAdmin(ReadOnlyAdmin):
    """State and history of one key; its text and its fingerprint stay sealed."""

    list_display = ["public_id", "pool", "state", "uses_left", "imported_at"]
    list_filter = [("state", ChoicesDropdownFilter)]
    search_fields = ["public_id"]
    list_select_related = ["pool"]
    fields = ["public_id", "pool", "state", "uses", "uses_left", "imported_at", "batch", "line", "voiding"]


@admin.register(KeyReveal)
class KeyRevealAdmin(ReadOnlyAdmin):
    """Who looked at a key."""

    list_display = ["at", "order_of", "by", "is_support", "address"]
    search_fields = ["issue__order__public_id", "by"]
    list_select_related = ["issue__order"]
    fields = ["order_of", "by", "is_support", "address", "at"]

    @admin.display(description=_("order"))
    def order_of(self, reveal: KeyReveal) -> str:
        """The order that the key served."""
        return reveal.issue.order.public_id


@admin.register(KeyVoiding)
class KeyVoidingAdmin(ReadOnlyAdmin):
    """Who took keys out of sale, how many, and why."""

    list_display = ["at", "pool", "kind", "batch", "count", "kept", "reason", "by"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    search_fields = ["public_id", "by", "reason"]
    list_select_related = ["pool", "batch"]
    fields = ["public_id", "pool", "kind", "batch", "count", "kept", "reason", "by", "at"]


@admin.register(KeyImport)
class KeyImportAdmin(ReadOnlyAdmin):
    """Files on their way into a pool: counts and the lines that were refused, masked."""

    list_display = ["public_id", "pool", "label", "state", "stored", "duplicates", "unreadable", "created_at"]
    list_filter = [("state", ChoicesDropdownFilter)]
    search_fields = ["public_id", "label"]
    list_select_related = ["pool"]
