"""Refunds that wait for a second person: the queue, and the page on which that person decides."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from config.ground import clock
from config.ground.figures import money
from config.ground.problems import Refusal
from orders import second_factor
from orders.admin.readonly import ReadOnlyAdmin
from orders.models import StaffAction
from orders.roles import role_of
from payments import services
from payments.models import Refund, RefundProposal
from payments.words import PROPOSAL, REFUND_STATE, reason_of

RIGHT = "orders.return_money"
VERBS: dict[str, Callable[..., RefundProposal]] = {
    "approve": services.approve_refund,
    "decline": services.decline_refund,
}


class ByPublicId(ChangeList):
    """Rows lead to addresses with the public id."""

    def url_for_result(self, result: Any) -> str:
        """Where a row leads."""
        return reverse("admin:payments_refundproposal_change", args=[result.public_id])


@admin.register(RefundProposal)
class RefundProposalAdmin(ReadOnlyAdmin):
    """Refunds above the limit of one person, those that wait first."""

    list_display = ["public_id", "order", "amount", "shown_state", "proposed_by", "proposed_at", "expires_at"]
    list_display_links = ["public_id"]
    list_filter = [("state", ChoicesDropdownFilter), ("proposed_at", RangeDateTimeFilter)]
    list_filter_submit = True
    list_select_related = ["order", "proposed_by"]
    search_fields = ["public_id", "order__public_id"]
    ordering = ["-id"]

    @admin.display(description=gettext_lazy("amount"), ordering="amount_minor")
    def amount(self, proposal: RefundProposal) -> str:
        """With its sign."""
        return money(proposal.amount_minor, proposal.currency)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, proposal: RefundProposal) -> SafeString:
        """The word of support."""
        return render_to_string("admin/_badge.html", {"word": PROPOSAL[_state(proposal)]})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list whose rows lead to public ids."""
        del request, kwargs
        return ByPublicId

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Its history is on its page."""
        del request, extra_context
        return redirect("admin:payments_refundproposal_change", object_id)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Everything that the second person needs, and the two buttons."""
        del form_url, extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read proposed refunds"))
        proposal = _one(object_id)
        if request.method != "POST":
            return self.page(request, proposal)
        verb = VERBS.get(request.POST.get("do", ""))
        if verb is None or not request.user.has_perm(RIGHT):
            raise PermissionDenied(_("decide about refunds"))
        try:
            second_factor.confirm(request.user, request.POST.get("code", ""))  # type: ignore[arg-type]
            verb(object_id, remark=request.POST.get("reason", ""), user=request.user, role=role_of(request.user))
        except Refusal as refusal:
            return self.page(request, _one(object_id), refusal)
        messages.success(request, _("Done and recorded."))
        return redirect("admin:payments_refundproposal_change", object_id)

    def page(self, request: HttpRequest, proposal: RefundProposal, refusal: Refusal | None = None) -> HttpResponse:
        """Draw it; a refusal stands above, with what was typed kept."""
        order = proposal.order
        left = services.left_to_return(order)
        rows = Refund.objects.filter(attempt__order=order).select_related("attempt").order_by("pk")
        facts = {
            "title": proposal.public_id,
            "proposal": proposal,
            "order": order,
            "zone": order.shop.zone,
            "word": PROPOSAL[_state(proposal)],
            "is_open": _state(proposal) == RefundProposal.State.OPEN,
            "is_mine": proposal.proposed_by_id == request.user.pk,
            "may_decide": request.user.has_perm(RIGHT),
            "left_minor": left,
            "is_too_much": proposal.amount_minor > left,
            "refunds": [(row, reason_of(row, "staff"), REFUND_STATE[row.state]["staff"]) for row in rows],
            "hands": StaffAction.objects.filter(order=order, does__startswith="refund").select_related("user"),
            "needs_code": second_factor.is_needed(),
            "refusal": refusal,
            "typed": request.POST,
        }
        status = refusal.status if refusal else 200
        page = {**self.admin_site.each_context(request), **facts}
        return TemplateResponse(request, "admin/payments/proposal.html", page, status=status)


def _one(object_id: str) -> RefundProposal:
    rows = RefundProposal.objects.select_related("order__shop", "proposed_by", "decided_by", "refund")
    proposal = rows.filter(public_id=object_id).first()
    if proposal is None:
        raise Http404
    return proposal


def _state(proposal: RefundProposal) -> str:
    """Its state now: one whose time is over is not open, whether the clock has written that down or not."""
    is_over = proposal.state == RefundProposal.State.OPEN and proposal.expires_at <= clock.now()
    return RefundProposal.State.EXPIRED if is_over else str(proposal.state)
