"""Cash collected: one press at the door, before the order can be handed over."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from orders.actors import as_rider
from orders.models import Order
from orders.people import User
from orders.services import NoSuchOrder
from payments.refusals import CashAmountWrong
from payments.services import collect_cash


@login_required
@require_POST
def collected(request: HttpRequest, order_id: str) -> HttpResponse:
    """The rider has `amount` (minor units, as the button said) in hand. Refusals are shown as everywhere."""
    if (
        not isinstance(request.user, User)
        or not Order.objects.filter(public_id=order_id, carrier=request.user).exists()
    ):
        raise NoSuchOrder  # nobody learns that another's order exists
    amount = request.POST.get("amount", "")
    if not (amount.isascii() and amount.isdigit()):
        raise CashAmountWrong(field="amount", amount="–")
    collect_cash(order_id, actor=as_rider(request.user), amount_minor=int(amount))
    return redirect("rider:job", order_id)
