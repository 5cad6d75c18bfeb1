"""Orders for support: the list with its filters and search, and the X-ray of one order with its repairs.

Nothing here writes an order; config/admin.py adds what payments and tracking know and registers the class.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)

from config.ground.figures import money
from config.ground.problems import Refusal
from config.ground.word import Word
from orders import second_factor, words
from orders.admin import keyhands, repairs, xray
from orders.admin.readonly import ReadOnlyAdmin
from orders.admin.repairs import Repair, Words
from orders.order.hands import StaffAction
from orders.order.models import Order
from orders.people import PHONE_DIGITS, digits_of, phone_index
from orders.roles import role_of
from orders.stock.masking import without_keys

Panel = Callable[[Order], tuple[str, dict[str, Any]]]


def _badge(word: Word) -> SafeString:
    return render_to_string("admin/_badge.html", {"word": word})


class ByPublicId(ChangeList):
    """Rows lead to addresses with the public id."""

    def url_for_result(self, result: Any) -> str:
        """Where a row leads."""
        return reverse("admin:orders_order_change", args=[result.public_id])


class OrderAdmin(ReadOnlyAdmin):
    """To read, to search, and to repair by the services."""

    list_display = ["public_id", "short_number", "state", "payment", "shop", "pays_by", "total", "placed"]
    list_display_links = ["public_id"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("payment_status", ChoicesDropdownFilter),
        ("trade", ChoicesDropdownFilter),
        ("method", ChoicesDropdownFilter),
        ("shop", AutocompleteSelectFilter),
        ("placed_at", RangeDateTimeFilter),
    ]
    list_filter_submit = True
    list_select_related = ["shop", "customer", "carrier"]
    search_fields = ["public_id"]
    search_help_text = _("Order id, short number, phone number or payment number")
    ordering = ["-id"]
    panels: tuple[Panel, ...] = ()
    repairs: tuple[Repair, ...] = (
        repairs.CONFIRM,
        repairs.START,
        repairs.READY,
        repairs.COLLECTED,
        keyhands.REPLACE_KEY,
        keyhands.SHOW_KEY,
        repairs.WITHDRAW,
        repairs.CANCEL,
        repairs.NOTE,
    )

    # ── the list ─────────────────────────────────────────────────────────────────────────────────
    @admin.display(description=_("number"), ordering="number")
    def short_number(self, order: Order) -> str:
        """As it is called out in the shop."""
        return f"#{order.number}"

    @admin.display(description=_("status"), ordering="status")
    def state(self, order: Order) -> SafeString:
        """The word of support."""
        return _badge(words.status_word(order, "staff"))

    @admin.display(description=_("payment"), ordering="payment_status")
    def payment(self, order: Order) -> SafeString:
        """The word of support."""
        return _badge(words.payment_word(order, "staff", amount=money(order.paid_minor, order.currency)))

    @admin.display(description=_("method"), ordering="method")
    def pays_by(self, order: Order) -> str:
        """The channel's name."""
        return words.CHANNEL[order.method].text

    @admin.display(description=_("total"))
    def total(self, order: Order) -> str:
        """With its sign."""
        return money(order.total_minor, order.currency)

    @admin.display(description=_("placed"), ordering="placed_at")
    def placed(self, order: Order) -> str:
        """In the shop's zone."""
        return order.placed_at.astimezone(order.shop.tz).strftime("%Y-%m-%d %H:%M:%S")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list whose rows lead to public ids."""
        del request, kwargs
        return ByPublicId

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Find by order id, short number, phone (blind index of order or account) or a number of a neighbour."""
        del request
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(public_id=term) | self.found_elsewhere(term)
        digits = digits_of(term)
        if len(digits) == PHONE_DIGITS:
            mark = phone_index(digits)
            found |= Q(phone_index=mark) | Q(customer__phone_index=mark)
        if term.lstrip("#").isdecimal() and len(digits) < PHONE_DIGITS - 2:
            found |= Q(number=int(digits))
        return queryset.filter(found), False

    def found_elsewhere(self, term: str) -> Q:
        """What neighbours know of a number; config/admin.py asks payments."""
        del term
        return Q(pk__in=[])

    # ── the page ─────────────────────────────────────────────────────────────────────────────────
    def get_urls(self) -> list[URLPattern]:
        """Add the address of the repairs."""
        press = self.admin_site.admin_view(self.repair_view)
        return [path("<str:object_id>/repair/<slug:does>/", press, name="orders_order_repair"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The X-ray. It has no form of Django's: whoever posts one is told so."""
        del form_url, extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read orders"))
        if request.method == "POST":
            raise PermissionDenied(_("change orders without a service"))
        order = self.one(object_id)
        if request.GET.get("seen") == str(order.version):
            return HttpResponse(status=204)
        return self.page(request, order)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The history of an order is its events."""
        del request, extra_context
        return redirect("admin:orders_order_change", object_id)

    def repair_view(self, request: HttpRequest, object_id: str, does: str) -> HttpResponse:
        """Press one button of the table; a refusal draws the page anew, with what was typed."""
        repair = next((one for one in self.repairs if one.does == does), None)
        if repair is None:
            raise Http404
        here = reverse("admin:orders_order_change", args=[object_id])
        if request.method != "POST":
            return redirect(f"{here}?ask={does}")
        if not (self.has_view_permission(request) and request.user.has_perm(repair.permission)):
            raise PermissionDenied(repair.said)
        order = self.one(object_id)
        try:
            if repair.shows:
                return keyhands.show_once(request, self.admin_site, order, repair)
            said = repairs.carry_out(repair, order, request.POST, request.user)  # type: ignore[arg-type]
        except Refusal as refusal:
            return self.page(request, self.one(object_id), refusal=refusal, pressed=repair)
        messages.success(request, str(said))
        return redirect(here)

    def one(self, object_id: str) -> Order:
        """The order of an address, by its public id only."""
        rows = Order.objects.select_related("shop", "customer", "carrier").prefetch_related("lines")
        order = rows.filter(public_id=object_id).first()
        if order is None:
            raise Http404
        return order

    def why_not(self, request: HttpRequest, repair: Repair, order: Order) -> Words:
        """Why this person cannot press it now; empty when they can."""
        return repair.why_not(order) or ("" if request.user.has_perm(repair.permission) else _("for a support lead"))

    def page(
        self, request: HttpRequest, order: Order, *, refusal: Refusal | None = None, pressed: Repair | None = None
    ) -> TemplateResponse:
        """Draw everything about one order."""
        events = xray.events_of(order)
        buttons = [(one, self.why_not(request, one, order)) for one in self.repairs if one is not repairs.NOTE]
        asked = pressed.does if pressed else request.GET.get("ask", "")
        facts = {
            "title": order.public_id,
            "order": order,
            "zone": order.shop.zone,
            "events": events,
            "verdict": xray.verdict_of(order, events),
            "reach": xray.reach_of(order),
            "lines": order.lines.all(),
            "hands": StaffAction.objects.filter(order=order).select_related("user"),
            "panels": [{"template": name, "facts": told} for name, told in (panel(order) for panel in self.panels)],
            "possible": [(one, one.hint(order)) for one, why_not in buttons if not why_not],
            "impossible": [(one, why_not) for one, why_not in buttons if why_not],
            "asked": asked,
            "pressed": pressed,
            "refusal": refusal,
            "typed": {name: without_keys(str(value), order.shop_id) for name, value in request.POST.items()},
            "causes": StaffAction.Cause.choices,
            "needs_code": second_factor.is_needed(),
            "role": role_of(request.user),
            "minutes": order.shop.prepare_minutes,
            "units": keyhands.units_of(order),
        }
        return TemplateResponse(
            request,
            "admin/orders/order/xray.html",
            {**self.admin_site.each_context(request), **facts},
            status=refusal.status if refusal else 200,
        )
