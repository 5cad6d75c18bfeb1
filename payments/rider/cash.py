"""The rider's cash: taken at the door, looked at, and handed in when the shift ends."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from config.ground.problems import Refusal
from orders.actors import as_rider
from orders.models import Order, User
from payments import services
from payments.cash import in_hand as cash_in_hand
from payments.cash.forms import CollectForm, CountForm, done
from payments.models import HandIn


def carrier_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """`view(request, rider, …)` for whoever carries or carried an order; 404 for everybody else."""

    @wraps(view)
    def enter(request: HttpRequest, **rest: object) -> HttpResponse:
        rider = request.user
        if not isinstance(rider, User) or not cash_in_hand.is_carrier(rider):
            raise Http404
        return view(request, rider, **rest)

    return never_cache(login_required(enter))


@require_POST
@carrier_only
def collected(request: HttpRequest, rider: User, order_id: str) -> HttpResponse:
    """The rider has `amount` in hand and, if a paper was written, its number. Wrong: the form again, as typed."""
    order = get_object_or_404(Order.objects.select_related("shop"), public_id=order_id, carrier=rider)
    form = CollectForm(request.POST)

    def act() -> None:
        data = form.cleaned_data
        services.collect_cash(
            order_id, actor=as_rider(rider), amount_minor=data["amount"], receipt=data["receipt"].strip()
        )

    if done(form, act):
        return redirect("rider:job", order_id)
    return render(request, "rider/cash_taken.html", {"order": order, "form": form}, status=422)


@require_safe
@carrier_only
def mine(request: HttpRequest, rider: User) -> HttpResponse:
    """What the rider has in hand, order by order, and the end of the shift."""
    return _show(request, rider)


@require_POST
@carrier_only
def close(request: HttpRequest, rider: User) -> HttpResponse:
    """Close the shift: counted, and handed in where the form says."""
    form = CountForm(request.POST, places=cash_in_hand.places_for(rider))

    def act() -> None:
        data = form.cleaned_data
        services.hand_in_cash(
            cash_in_hand.pocket(rider),
            counted_minor=data["counted"],
            expected_minor=data["expected"],
            to_shop=form.to_shop,
            by=rider,
        )

    return redirect("cash:mine") if done(form, act) else _show(request, rider, form=form, status=422)


@require_POST
@carrier_only
def withdraw(request: HttpRequest, rider: User, hand_in: str) -> HttpResponse:
    """Take it back before anybody received it."""
    get_object_or_404(HandIn, public_id=hand_in, rider=rider)
    try:
        services.withdraw_hand_in(hand_in)
    except Refusal as refusal:
        return _show(request, rider, refusal=refusal.detail, status=refusal.status)
    return redirect("cash:mine")


def _show(
    request: HttpRequest, rider: User, *, form: CountForm | None = None, refusal: str = "", status: int = 200
) -> HttpResponse:
    account = cash_in_hand.pocket(rider).account
    now = cash_in_hand.in_hand(account)
    places = cash_in_hand.places_for(rider)
    expected: dict[str, Any] = {"expected": now.amount_minor, "to": places[0].public_id if places else "depot"}
    facts = {
        "now": now,
        "shift": cash_in_hand.shift(account),
        "form": form or CountForm(initial=expected, places=places),
        "history": cash_in_hand.told(account),
        "refusal": refusal,
    }
    return render(request, "rider/cash.html", facts, status=status)
