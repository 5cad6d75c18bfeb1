"""What the hourly checks did, each with its passes, and the bills they fetched."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from config.ground.figures import money
from config.ground.word import Word
from orders.admin.readonly import ReadOnlyAdmin
from orders.words import CHANNEL
from payments.models import Bill, Run
from payments.words import BILL_STATE, RUN_PASS

COLUMNS = ("looked_at", "repaired", "set_aside", "left")


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Every hourly check, also those that found nothing."""

    list_display = ["started_at", "took", "looked_at", "repaired", "set_aside", "left", "error"]
    ordering = ["-started_at"]

    @admin.display(description=_("took"))
    def took(self, run: Run) -> str:
        """In seconds; a dash while it runs, or when it died."""
        return f"{(run.ended_at - run.started_at).total_seconds():.1f} s" if run.ended_at else "–"

    @admin.display(description=_("looked at"))
    def looked_at(self, run: Run) -> int:
        """Over all passes."""
        return _sum(run, "looked_at")

    @admin.display(description=_("repaired"))
    def repaired(self, run: Run) -> int:
        """Over all passes."""
        return _sum(run, "repaired")

    @admin.display(description=_("set aside"))
    def set_aside(self, run: Run) -> int:
        """Over all passes."""
        return _sum(run, "set_aside")

    @admin.display(description=_("left"))
    def left(self, run: Run) -> int:
        """Over all passes."""
        return _sum(run, "left")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One check as a table of its passes."""
        del form_url, extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read the hourly checks"))
        run = Run.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if run is None:
            raise Http404
        names = [*RUN_PASS, *(name for name in run.found if name not in RUN_PASS)]  # the order in which they ran
        told = [(name, run.found.get(name)) for name in names]
        passes = [(RUN_PASS.get(name, Word(name, name)), one) for name, one in told if _is_pass(one)]
        totals = {name: _sum(run, name) for name in COLUMNS}
        facts = {"title": _("Hourly check"), "run": run, "passes": passes, "totals": totals, "took": self.took(run)}
        page = {**self.admin_site.each_context(request), **facts}
        return TemplateResponse(request, "admin/payments/run.html", page)


@admin.register(Bill)
class BillAdmin(ReadOnlyAdmin):
    """The gateways' bills of each day: what came, what agreed, what is missing and why."""

    list_display = ["day", "on", "shown", "line_count", "equal_count", "paid", "returned", "fees", "compared_at", "why"]
    list_filter = [("state", ChoicesDropdownFilter)]
    list_filter_submit = True
    ordering = ["-day", "channel"]

    @admin.display(description=_("channel"), ordering="channel")
    def on(self, bill: Bill) -> str:
        """The channel's name."""
        return CHANNEL[bill.channel].text

    @admin.display(description=_("state"), ordering="state")
    def shown(self, bill: Bill) -> SafeString:
        """The word of support."""
        word = BILL_STATE[bill.state]
        filled = Word(word.en.format(why=bill.why), word.zh.format(why=bill.why), word.family, word.icon)
        return render_to_string("admin/_badge.html", {"word": filled})

    @admin.display(description=_("paid"))
    def paid(self, bill: Bill) -> str:
        """With its sign."""
        return money(bill.paid_minor)

    @admin.display(description=_("returned"))
    def returned(self, bill: Bill) -> str:
        """With its sign."""
        return money(bill.refunded_minor)

    @admin.display(description=_("fees"))
    def fees(self, bill: Bill) -> str:
        """With its sign."""
        return money(bill.fee_minor)


def _is_pass(told: object) -> bool:
    return isinstance(told, dict)


def _sum(run: Run, name: str) -> int:
    return sum(int(told.get(name, 0)) for told in run.found.values() if _is_pass(told))
