"""The shop's till: cash of its counter and of riders who hand in here, and how it goes on to the depot."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from config.ground.problems import Refusal
from orders.catalog.models import Shop
from orders.merchant.door import at_shop
from payments import services
from payments.cash import in_hand as cash_in_hand
from payments.cash.forms import DEPOT, CountForm, ReceiveForm, done
from payments.models import HandIn


@at_shop
@require_safe
def till(request: HttpRequest, shop: Shop) -> HttpResponse:
    """What is in it, what riders want to hand in, what went on."""
    return _show(request, shop)


@at_shop
@require_POST
def count(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Hand the till in at the depot: the form says what was counted and what the page said."""
    said = request.POST.copy()
    said["to"] = DEPOT
    form = CountForm(said, places=[])
    holder = cash_in_hand.till(shop)

    def act() -> None:
        data = form.cleaned_data
        services.hand_in_cash(
            holder,
            counted_minor=data["counted"],
            expected_minor=data["expected"],
            by=request.user,  # type: ignore[arg-type]
        )

    return redirect("counter:till", shop.public_id) if done(form, act) else _show(request, shop, count=form)


@at_shop
@require_POST
def receive(request: HttpRequest, shop: Shop, hand_in: str) -> HttpResponse:
    """A rider's cash was counted here and lies in the till now."""
    found = get_object_or_404(HandIn, public_id=hand_in, to_shop=shop)
    form = ReceiveForm(request.POST, prefix=hand_in)

    def act() -> None:
        data = form.cleaned_data
        services.receive_cash(
            hand_in,
            received_minor=data["received"],
            words=data["words"],
            by=request.user,  # type: ignore[arg-type]
        )

    return redirect("counter:till", shop.public_id) if done(form, act) else _show(request, shop, receive=(found, form))


@at_shop
@require_POST
def withdraw(request: HttpRequest, shop: Shop, hand_in: str) -> HttpResponse:
    """Take the till's own hand-in back, to count again."""
    get_object_or_404(HandIn, public_id=hand_in, shop=shop)
    try:
        services.withdraw_hand_in(hand_in)
    except Refusal as refusal:
        return _show(request, shop, refusal=refusal.detail, status=refusal.status)
    return redirect("counter:till", shop.public_id)


def _show(
    request: HttpRequest,
    shop: Shop,
    *,
    count: CountForm | None = None,
    receive: tuple[HandIn, ReceiveForm] | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    account = cash_in_hand.till(shop).account
    now = cash_in_hand.in_hand(account)
    tried = receive[0].pk if receive else None
    waiting = [
        (row, receive[1] if receive and row.pk == tried else ReceiveForm(prefix=row.public_id))
        for row in cash_in_hand.to_receive(shop)
    ]
    lost = receive is not None and tried not in {row.pk for row, _form in waiting}  # received elsewhere meanwhile
    facts: dict[str, Any] = {
        "shop": shop,
        "section": "money",
        "part": "till",
        "now": now,
        "waiting": waiting,
        "form": count or CountForm(initial={"expected": now.amount_minor}, places=[]),
        "history": cash_in_hand.told(account),
        "refusal": refusal
        or (" ".join(str(line) for line in receive[1].non_field_errors()) if receive and lost else ""),
    }
    wrong = bool(count or receive)
    return render(request, "merchant/till.html", facts, status=422 if wrong else status)
