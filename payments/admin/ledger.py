"""The books, for support to read: every account with its balance, one account, and the entries of an order."""

from datetime import date, datetime, time
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from orders.admin.readonly import ReadOnlyAdmin
from orders.models import Order
from payments import ledger
from payments.models import LedgerAccount, LedgerEntry, LedgerPosting

PAGE = 100
PREFIXES = ("payment:", "refund:", "fee:", "hand-in:")


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
    """The books, newest first; found by order (its id or #number) and by the number of a payment, refund or hand-in."""

    list_display = ["booked_at", "ref", "kind", "order_ref", "shop", "currency"]
    list_filter = [("kind", ChoicesDropdownFilter), ("booked_at", RangeDateTimeFilter)]
    list_filter_submit = True
    list_select_related = ["shop"]
    search_fields = ["ref"]
    search_help_text = gettext_lazy("Order id, #number, or the number of a payment, refund or hand-in")
    ordering = ["-pk"]
    inlines = [PostingInline]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        """Whole numbers only, each answered by an index: the books are long."""
        del request
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(order_ref=term) | Q(ref__in=[term, *(f"{prefix}{term}" for prefix in PREFIXES)])
        number = term.removeprefix("#")
        if number.isascii() and number.isdigit() and len(number) < 10:
            wanted |= Q(order_ref__in=list(Order.objects.filter(number=number).values_list("public_id", flat=True)))
        return queryset.filter(wanted), False


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnlyAdmin):
    """The trial balance instead of a list, and one account with its postings."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Every account with its balance, now or at the end of a day (`on`); each currency sums to zero."""
        del extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read the books"))
        on, at = _moment(request)
        rows = ledger.trial_balance(at=at)
        sums = {code: sum(row.balance_minor for row in rows if row.currency == code) for code in _currencies(rows)}
        facts = {"title": _("Trial balance"), "rows": rows, "sums": sums, "on": on, "is_wrong": bool(on) and at is None}
        page = {**self.admin_site.each_context(request), **facts}
        return TemplateResponse(request, "admin/payments/trial_balance.html", page)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One account by its name: what it has, and its postings, newest first; `before` goes to older ones."""
        del form_url, extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read the books"))
        currency = request.GET.get("currency", ledger.CURRENCY)
        account = LedgerAccount.objects.filter(name=object_id, currency=currency).first()
        if account is None:
            raise Http404
        on, at = _moment(request)
        postings = account.postings.select_related("entry").order_by("-pk")
        before = request.GET.get("before", "")
        if before.isascii() and before.isdigit() and len(before) < 19:
            postings = postings.filter(pk__lt=int(before))
        found = list(postings[: PAGE + 1])
        facts = {
            "title": account.name,
            "account": account,
            "balance_minor": ledger.balance(account.name, at=at, currency=currency),
            "on": on,
            "postings": found[:PAGE],
            "older": found[PAGE - 1].pk if len(found) > PAGE else None,
        }
        page = {**self.admin_site.each_context(request), **facts}
        return TemplateResponse(request, "admin/payments/account.html", page)


def _currencies(rows: list[ledger.Balance]) -> list[str]:
    return sorted({row.currency for row in rows})


def _moment(request: HttpRequest) -> tuple[str, datetime | None]:
    """What was typed as `on`, and the last moment of that day in the desk's zone; None: now."""
    typed = request.GET.get("on", "").strip()
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return typed, None
    return typed, datetime.combine(day, time.max, tzinfo=timezone.get_current_timezone())
