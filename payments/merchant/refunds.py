"""Money that the shop gives back: the question, the dialog that names the amount, and cash counted out by hand."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.ground import ids
from config.ground.figures import money
from config.ground.problems import Refusal
from orders.catalog.models import Shop
from orders.merchant.door import actor_of, at_shop, order_of
from orders.merchant.page import show_order
from orders.merchant.saying import sentence
from orders.models import Order, OrderLine
from payments.amounts import typed_minor
from payments.models import Refund
from payments.refunds import pay_out
from payments.refusals import AmountWrong, RefundTooMuch
from payments.services import left_of_line, left_to_return, refund_by_shop, why_not_by_shop
from payments.words import reason_of

ALL, SOME, LINE = "all", "some", "line"


class RefundForm(forms.Form):
    """What goes back (`all`, `some` with an amount, `line` and its number) and why, for one order."""

    what = forms.CharField(max_length=12, label=gettext_lazy("What goes back"))
    amount = forms.CharField(max_length=20, required=False, label=gettext_lazy("Amount in ¥"))
    words = forms.CharField(max_length=200, label=gettext_lazy("Why, in words that the customer reads"))
    key = forms.CharField(max_length=40)
    left = forms.IntegerField(min_value=0)

    def __init__(self, order: Order, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = order
        self.left_minor = left_to_return(order)
        self.lines = [(line, min(left_of_line(order, line), self.left_minor)) for line in order.lines.all()]
        for name in ("amount", "words"):
            self.fields[name].widget.attrs["class"] = "input"

    def clean(self) -> dict[str, Any]:
        """Add `line_no` and `amount_minor` (what is asked of the service) and `goes_minor` (what the dialog says)."""
        data = super().clean() or {}
        kind, _dash, number = data.get("what", "").partition("-")
        data |= {"line_no": None, "amount_minor": None, "goes_minor": self.left_minor}
        if kind == SOME:
            data["amount_minor"] = data["goes_minor"] = self._amount(data.get("amount", ""))
        elif kind == LINE:
            known = {str(line.line_no): (line.line_no, left) for line, left in self.lines}
            data["line_no"], data["goes_minor"] = known.get(number, (None, 0))
            if not data["goes_minor"]:
                self.add_error("what", _("Nothing of this line is left to return."))
        elif kind and kind != ALL:
            self.add_error("what", _("Choose what goes back."))
        return data

    def _amount(self, typed: str) -> int | None:
        amount, left = typed_minor(typed), money(self.left_minor, self.order.currency)
        if not amount:
            self.add_error("amount", AmountWrong(amount=left).detail)
        elif amount > self.left_minor:
            self.add_error("amount", RefundTooMuch(amount=left).detail)
        return amount


@at_shop
@require_http_methods(["GET", "POST"])
def refund(request: HttpRequest, shop: Shop, order_id: str) -> HttpResponse:
    """Ask what goes back and why; then once more, with the amount in the button; then promise it."""
    order = order_of(shop, order_id)
    try:
        why_not_by_shop(order)
    except Refusal as refusal:
        return show_order(request, shop, order_id, refusal=sentence(refusal, order), status=refusal.status)
    if request.method == "GET":
        first = {"what": ALL, "key": ids.new_id("rk"), "left": left_to_return(order)}
        return _ask(request, RefundForm(order, initial=first))
    form = RefundForm(order, request.POST)
    if not form.is_valid():
        return _ask(request, form, status=422)
    if request.POST.get("sure") != "yes":
        return _ask_once_more(request, form)
    try:
        _promise(request, form)
    except Refusal as refusal:
        form.add_error(None, sentence(refusal, order))
        return _ask(request, form, status=refusal.status)
    return redirect("merchant:order", shop.public_id, order_id)


@at_shop
@require_GET
def cash_back(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Cash that customers are waiting for, the oldest first."""
    return _show_cash_back(request, shop)


@at_shop
@require_POST
def paid_out(request: HttpRequest, shop: Shop, refund_no: str) -> HttpResponse:
    """The shop has counted cash out against a receipt; the page where it was pressed answers."""
    waiting = Refund.objects.select_related("attempt__order")
    found = get_object_or_404(waiting, out_refund_no=refund_no, attempt__order__shop=shop)
    order, on_list = found.attempt.order, request.POST.get("back") == "list"
    try:
        pay_out(refund_no, reference=request.POST.get("receipt", "").strip(), actor=actor_of(request))
    except Refusal as refusal:
        said = sentence(refusal, order)
        if on_list:
            return _show_cash_back(request, shop, refusal=said, status=refusal.status)
        return show_order(request, shop, order.public_id, refusal=said, status=refusal.status)
    return (
        redirect("counter:cash_back", shop.public_id)
        if on_list
        else redirect("merchant:order", shop.public_id, order.public_id)
    )


def cash_to_give_back(shop: Shop) -> Any:
    """The shop's refunds that wait for a person to count them out."""
    rows = Refund.objects.filter(attempt__channel="CASH", attempt__order__shop=shop)
    return rows.exclude(state=Refund.State.SUCCESS).select_related("attempt__order__customer").order_by("pk")


def _show_cash_back(request: HttpRequest, shop: Shop, *, refusal: str = "", status: int = 200) -> HttpResponse:
    waiting = list(cash_to_give_back(shop))
    facts = {
        "shop": shop,
        "section": "cash-back",
        "rows": [(one, reason_of(one, "merchant"), _name(one.attempt.order)) for one in waiting],
        "total_minor": sum(one.amount_minor for one in waiting),
        "refusal": refusal,
        "tried": request.resolver_match.kwargs.get("refund_no", "") if request.resolver_match else "",
        "typed": request.POST.get("receipt", ""),
    }
    return render(request, "merchant/cash_back.html", facts, status=status)


def _name(order: Order) -> str:
    return str(order.recipient.get("name", "")) or (order.customer.name if order.customer else "")


def _ask(request: HttpRequest, form: RefundForm, status: int = 200) -> HttpResponse:
    """The question; it keeps what was typed, and says what is left now."""
    return render(request, "merchant/refund.html", _facts(form), status=status)


def _ask_once_more(request: HttpRequest, form: RefundForm) -> HttpResponse:
    """The same answers once more, with the amount in the button."""
    line = next((line for line, _left in form.lines if line.line_no == form.cleaned_data["line_no"]), None)
    return render(request, "merchant/refund_sure.html", _facts(form, line))


def _facts(form: RefundForm, line: OrderLine | None = None) -> dict[str, Any]:
    order = form.order
    return {
        "shop": order.shop,
        "section": "orders",
        "order": order,
        "form": form,
        "line": line,
        "back": "order",
        "left_minor": form.left_minor,
        "lines": [(line, left) for line, left in form.lines if left],
        "what": form["what"].value(),
        "key": form["key"].value() or ids.new_id("rk"),
    }


def _promise(request: HttpRequest, form: RefundForm) -> Refund:
    told = form.cleaned_data
    return refund_by_shop(
        form.order.public_id,
        amount_minor=told["amount_minor"],
        line_no=told["line_no"],
        words=told["words"],
        key=told["key"],
        seen_left_minor=told["left"],
        actor=actor_of(request),
    )
