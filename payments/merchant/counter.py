"""Cash at the counter: one press while the customer stands there, before the order is handed over."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from config.ground.problems import Refusal
from orders.catalog.models import Shop
from orders.merchant.door import actor_of, at_shop, order_of
from orders.merchant.saying import sentence
from orders.merchant.steps import answer
from payments.refusals import CashAmountWrong
from payments.services import collect_cash

LONGEST = 13  # digits of an amount


@at_shop
@require_POST
def counted(request: HttpRequest, shop: Shop, order_id: str) -> HttpResponse:
    """The shop has `amount` (minor units, as the button said) in hand; the ticket answers."""
    order = order_of(shop, order_id)
    amount = request.POST.get("amount", "")
    if not (amount.isascii() and amount.isdigit() and len(amount) < LONGEST):
        raise CashAmountWrong(field="amount", amount="–")
    try:
        collect_cash(order_id, actor=actor_of(request), amount_minor=int(amount))
    except Refusal as refusal:
        order.refresh_from_db(fields=["status", "payment_status"])
        return answer(request, shop, order_id, sentence(refusal, order), refusal.status)
    return answer(request, shop, order_id)
