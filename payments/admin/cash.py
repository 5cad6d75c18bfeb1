"""Cash in hand: who has how much since when, what waits at the depot, and every difference that was found."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from orders.admin.readonly import ReadOnlyAdmin
from payments import ledger, services
from payments.cash import in_hand as cash_in_hand
from payments.cash.forms import ReceiveForm, done
from payments.models import HandIn
from payments.statements.words import HAND_IN

RIGHT = "payments.receive_cash"
PAGE = 50
SHOWN: dict[str, Q] = {
    "waiting": Q(state=HandIn.State.COUNTED),
    "differences": Q(state=HandIn.State.CONFIRMED) & ~Q(received_minor=F("expected_minor")),
    "all": Q(),
}


@admin.register(HandIn)
class HandInAdmin(ReadOnlyAdmin):
    """Holders and hand-ins on one page; one hand-in with the form of whoever receives it at the depot."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Who holds how much, then the hand-ins: those that wait, those that differed, all of them."""
        del extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read who has how much cash"))
        show = request.GET.get("show", "waiting")
        chosen = show if show in SHOWN else "waiting"
        pages = Paginator(_rows().filter(SHOWN[chosen]), PAGE)
        page = pages.get_page(request.GET.get("page"))
        facts = {
            "title": _("Cash in hand"),
            "held": cash_in_hand.everybody(),
            "show": chosen,
            "counts": [(name, _rows().filter(which).count()) for name, which in SHOWN.items()],
            "page": page,
            "rows": [(row, HAND_IN[row.state]) for row in page],
            "difference_minor": ledger.balance(ledger.CASH_DIFFERENCE),
        }
        return TemplateResponse(
            request, "admin/payments/cash_in_hand.html", {**self.admin_site.each_context(request), **facts}
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One hand-in; at the depot, support counts and receives it here."""
        del form_url, extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied(_("read who has how much cash"))
        hand_in = _rows().filter(public_id=object_id).first()
        if hand_in is None:
            raise Http404
        if request.method != "POST":
            return self.page(request, hand_in, ReceiveForm())
        if not request.user.has_perm(RIGHT) or hand_in.to_shop is not None:
            raise PermissionDenied(_("receive cash"))
        form = ReceiveForm(request.POST)

        def act() -> None:
            data = form.cleaned_data
            services.receive_cash(
                object_id,
                received_minor=data["received"],
                words=data["words"],
                by=request.user,  # type: ignore[arg-type]
            )

        if not done(form, act):
            return self.page(request, _rows().get(pk=hand_in.pk), form, status=422)
        messages.success(request, _("Received and booked."))
        return redirect("admin:payments_handin_change", object_id)

    def page(self, request: HttpRequest, hand_in: HandIn, form: ReceiveForm, *, status: int = 200) -> HttpResponse:
        """Draw one hand-in."""
        facts = {
            "title": hand_in.public_id,
            "hand_in": hand_in,
            "owner": hand_in.rider or hand_in.shop,
            "word": HAND_IN[hand_in.state],
            "form": form,
            "says": cash_in_hand.outcome(hand_in),
            "is_open": hand_in.state == HandIn.State.COUNTED,
            "may_receive": request.user.has_perm(RIGHT) and hand_in.to_shop is None,
            "is_mine": request.user.pk in {hand_in.counted_by_id, hand_in.rider_id},
        }
        page = {**self.admin_site.each_context(request), **facts}
        return TemplateResponse(request, "admin/payments/hand_in.html", page, status=status)


def _rows() -> QuerySet[HandIn]:
    rows = HandIn.objects.select_related("holder", "rider", "shop", "to_shop", "counted_by", "received_by")
    return rows.order_by("-pk")
