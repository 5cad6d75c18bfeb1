"""What cash and statements say on other apps' pages: `{% load books %}`, then a link to money, a form, a reminder."""

from datetime import timedelta
from typing import Any

from django import template

from config.ground import clock
from config.ground.figures import decimal
from orders.access import owns as is_owner
from orders.catalog.models import Shop, Trade
from orders.models import Order, User
from orders.order.states import PaymentStatus
from payments.cash import in_hand as cash_in_hand
from payments.cash.forms import CollectForm

register = template.Library()
REMEMBERED = timedelta(hours=24)  # so long the jobs page tells of a difference; the page of cash always does


@register.inclusion_tag("merchant/_money_link.html", takes_context=True)
def money_link(context: template.Context, shop: Shop) -> dict[str, Any]:
    """Lead owners to the statement and staff to the till; a shop of card keys takes no cash and has no till."""
    request = context.get("request")
    owns = request is not None and is_owner(request.user.pk, shop.public_id)
    is_here = context.get("section") == "money"
    return {"shop": shop, "owns": owns, "has_till": shop.trade != Trade.DIGITAL, "is_here": is_here}


@register.inclusion_tag("merchant/_money_parts.html", takes_context=True)
def money_parts(context: template.Context, shop: Shop) -> dict[str, Any]:
    """Switch between the statement and the till; for whoever may see both."""
    return {**money_link(context, shop), "part": context.get("part")}


@register.inclusion_tag("rider/_cash_form.html", takes_context=True)
def cash_form(context: template.Context, order: Order) -> dict[str, Any]:
    """Ask how much was taken and for the receipt's number, while cash is due; nothing else."""
    is_due = order.payment_status == PaymentStatus.DUE_ON_DELIVERY
    form = CollectForm(initial={"amount": decimal(order.total_minor)})
    for field in form.fields.values():
        field.widget.attrs["hx-preserve"] = "true"  # the job is fetched again while somebody types
    return {"order": order, "is_due": is_due, "form": form, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("rider/_cash_line.html")
def cash_line(rider: User, *, is_on_duty: bool) -> dict[str, Any]:
    """Say what cash the rider has with them, louder when off duty, and what was missing when it was counted last."""
    account = cash_in_hand.pocket(rider).account
    now = cash_in_hand.in_hand(account)
    last = next(iter(cash_in_hand.told(account, limit=1)), None)
    at = last.hand_in.received_at if last else None
    is_news = at is not None and last is not None and bool(last.hand_in.difference_minor)
    return {
        "now": now,
        "is_on_duty": is_on_duty,
        "difference": last if is_news and at and clock.now() - at < REMEMBERED else None,
    }
