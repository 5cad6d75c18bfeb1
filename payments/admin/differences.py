"""The queue of differences: what the bills found, one item with both sides, one proposed step, and who decided.

Also what was set aside, because it is the same person's work. Every button is one function of services/decide.py.
"""

import csv
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from config.ground import clock
from config.ground.problems import Refusal
from config.ground.sheets import plain
from orders.admin.readonly import ReadOnlyAdmin
from orders.roles import role_of
from orders.words import CHANNEL
from payments import billing, ledger, remedies
from payments.admin import pages
from payments.models import Bill, Difference
from payments.services import decide
from payments.words import BILL_STATE, DIFFERENCE, DIFFERENCE_STATE, DIFFERENCE_STEP

RIGHT = "payments.decide_difference"
State = Difference.State
TABS: dict[str, tuple[str, ...]] = {
    "open": (State.OPEN,),
    "waiting": (State.WAIT_NEXT_DAY,),
    "repaired": (State.AUTO_FIXED,),
    "decided": (State.MANUAL, State.IGNORED),
}
ASIDE = "aside"
VERBS: dict[str, Callable[..., object]] = {
    "resolve": decide.resolve,
    "wait": decide.wait,
    "ignore": decide.ignore,
}


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    """What two sides disagree on, and the way to end it."""

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the buttons."""
        wrap = self.admin_site.admin_view
        return [
            path("again/<str:what>/<str:number>/", wrap(self.again_view), name="payments_difference_again"),
            path("<str:object_id>/<slug:does>/", wrap(self.press_view), name="payments_difference_press"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The queue; `?tab=`, `?kind=`, `?page=`, `?at=dif_…`, `?format=csv`."""
        del extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read differences"))
        if request.GET.get("format") == "csv":
            return _as_csv(_rows(request))
        return self.page(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the queue with this one chosen."""
        del form_url, extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read differences"))
        found = _one(object_id)
        return redirect(_address(tab=_tab_of(found), at=found.public_id))

    def press_view(self, request: HttpRequest, object_id: str, does: str) -> HttpResponse:
        """Press one of the buttons; a refusal draws the queue anew, with what was typed."""
        if does in {"change", "history", "delete"}:
            return self.change_view(request, object_id)
        if does not in {"take", *VERBS}:
            raise Http404
        if request.method != "POST":
            return redirect(_address(at=object_id))
        if not (self.has_view_permission(request) and request.user.has_perm(RIGHT)):
            raise PermissionDenied(_("decide differences"))
        found = _one(object_id)
        by: dict[str, Any] = {"user": request.user, "role": role_of(request.user)}
        tab = _tab_of(found)
        try:
            if does == "take":
                decide.take_charge(object_id, **by)
                return redirect(_address(tab=tab, at=object_id, **_where(request)))
            VERBS[does](object_id, remark=request.POST.get("reason", ""), **by)
        except Refusal as refusal:
            return self.page(request, refusal=refusal, at=object_id, tab=tab)
        messages.success(request, _("Done and recorded."))
        return redirect(_address(tab=tab, **_where(request)))

    def again_view(self, request: HttpRequest, what: str, number: str) -> HttpResponse:
        """Try once more what was set aside."""
        here = _address(tab=ASIDE, page=pages.asked(request, "page"))
        if what not in {"money", "refunds"}:
            raise Http404
        if request.method != "POST":
            return redirect(here)
        if not (self.has_view_permission(request) and request.user.has_perm(RIGHT)):
            raise PermissionDenied(_("try again what was set aside"))
        by: dict[str, Any] = {"user": request.user, "role": role_of(request.user)}
        try:
            went = decide.try_again(what, number, remark=request.POST.get("reason", ""), **by)
        except Refusal as refusal:
            return self.page(request, refusal=refusal, at=number, tab=ASIDE)
        if went:
            messages.success(request, _("It went through and is recorded."))
        else:
            messages.error(request, _("It failed again. The clock goes on trying; the reason is in the log."))
        return redirect(here)

    def page(
        self, request: HttpRequest, *, refusal: Refusal | None = None, at: str = "", tab: str = ""
    ) -> TemplateResponse:
        """Draw the queue."""
        tab = tab or _tab(request)
        wanted, number = at or request.GET.get("at", ""), pages.asked(request, "page")
        aside = pages.aside_page(number) if tab == ASIDE else None
        queue = pages.page_of(_rows(request, tab), number, wanted) if aside is None else None
        rows: list[Difference] = list(queue or ())
        chosen = next((one for one in rows if one.public_id == wanted), rows[0] if rows else None)
        facts = {
            "title": _("Between the gateways’ bills and our books"),
            "tab": tab,
            "kinds": DIFFERENCE,
            "kind": pages.asked(request, "kind"),
            "page": queue if aside is None else aside,
            "rows": [(one, DIFFERENCE[one.kind], remedies.remedy_of(one).thinks) for one in rows],
            "chosen": _chosen(chosen) if chosen else None,
            "aside": list(pages.set_aside(aside)) if aside is not None else [],
            "may_decide": request.user.has_perm(RIGHT),
            "refusal": refusal,
            "pressed": at,
            "typed": request.POST,
            "csv": _address(tab=tab, kind=pages.asked(request, "kind"), format="csv"),
            **_figures(),
        }
        page = {**self.admin_site.each_context(request), **facts}
        status = refusal.status if refusal else 200
        return TemplateResponse(request, "admin/payments/differences.html", page, status=status)


def _tab(request: HttpRequest) -> str:
    tab = request.GET.get("tab", "open")
    return tab if tab in TABS or tab == ASIDE else "open"


def _tab_of(found: Difference) -> str:
    return next(tab for tab, states in TABS.items() if found.state in states)


def _address(**words: str) -> str:
    query = urlencode({name: word for name, word in words.items() if word})
    return f"{reverse('admin:payments_difference_changelist')}{'?' if query else ''}{query}"


def _where(request: HttpRequest) -> dict[str, str]:
    """The filter and the page from which a button was pressed."""
    return {name: pages.asked(request, name) for name in ("kind", "page")}


def _one(object_id: str) -> Difference:
    found = Difference.objects.filter(public_id=object_id).first()
    if found is None:
        raise Http404
    return found


def _rows(request: HttpRequest, tab: str = "") -> QuerySet[Difference]:
    tab = tab or _tab(request)
    rows = Difference.objects.filter(state__in=TABS.get(tab, TABS["open"])).select_related("in_charge", "decided_by")
    kind = pages.asked(request, "kind")
    if kind in DIFFERENCE:
        rows = rows.filter(kind=kind)
    return rows.order_by("found_at", "pk") if tab in {"open", "waiting"} else rows.order_by("-pk")


def _chosen(found: Difference) -> dict[str, Any]:
    steps = [(step, DIFFERENCE_STEP[step.did]) for step in found.steps.select_related("user").order_by("pk")]
    name = found.decided_by.name if found.decided_by else "–"
    return {
        "found": found,
        "word": DIFFERENCE[found.kind],
        "state": DIFFERENCE_STATE[found.state].format(name=name, remark=found.remark),
        "is_open": found.state in Difference.UNDECIDED,
        "waits": found.state == State.WAIT_NEXT_DAY,
        "remedy": remedies.remedy_of(found),
        "sides": remedies.sides_of(found),
        "steps": steps,
    }


def _figures() -> dict[str, Any]:
    """The row at the top: the newest day of which there is a bill, and how many wait in each tab."""
    newest = Bill.objects.order_by("-day").first()
    bills = list(Bill.objects.filter(day=newest.day).order_by("-channel")) if newest else []
    counted = dict(Difference.objects.values_list("state").annotate(n=Count("pk")))
    counts = {tab: sum(counted.get(state, 0) for state in states) for tab, states in TABS.items()}
    aside = pages.aside_count()
    told = [(bill, CHANNEL[bill.channel], BILL_STATE[bill.state]) for bill in bills]
    equal = sum(bill.equal_count for bill in bills)
    to_decide = DIFFERENCE_STATE["OPEN"].text
    tabs = (("open", to_decide), ("waiting", _("Waiting")), ("repaired", _("Repaired")), ("decided", _("Decided")))
    return {
        "day": newest.day if newest else None,
        "bills": told,
        "equal": equal,
        "counts": counts,
        "tabs": [*((tab, word, counts[tab]) for tab, word in tabs), (ASIDE, _("Set aside"), aside)],
        "aside_count": aside,
        "overdue": billing.overdue(clock.now()),
        "suspense": -ledger.balance(ledger.SUSPENSE),
    }


class _Echo:
    def write(self, line: str) -> str:
        return line


def _as_csv(rows: QuerySet[Difference]) -> StreamingHttpResponse:
    """Every row of the tab, as it is; amounts in minor units."""
    names = ("public_id", "kind", "state", "channel", "day", "subject", "order_ref", "theirs_minor", "ours_minor",
             "found_at", "decided_at", "remark")  # fmt: skip
    writer = csv.writer(_Echo())
    lines = (writer.writerow([_cell(getattr(row, name)) for name in names]) for row in rows.iterator())
    answer = StreamingHttpResponse((line for part in ([writer.writerow(names)], lines) for line in part), "text/csv")
    answer["Content-Disposition"] = 'attachment; filename="differences.csv"'
    return answer


def _cell(value: object) -> str:
    """Amounts are figures; whatever else looks like a formula becomes text."""
    return "" if value is None else str(value) if isinstance(value, int) else plain(str(value))
