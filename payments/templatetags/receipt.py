"""What moved of an order's money, for its receipt: `{% load receipt %}`, then `{% moved order as moves %}`."""

from datetime import datetime
from typing import NamedTuple

from django import template
from django.utils.translation import gettext as _

from orders.models import Order
from orders.words import CHANNEL
from payments.models import Attempt, Disposition, Refund
from payments.words import reason_of

register = template.Library()


class Move(NamedTuple):
    """One line: what it was, when, and how much (minor units; back is negative)."""

    what: str
    at: datetime
    amount_minor: int


@register.simple_tag
def moved(order: Order) -> list[Move]:
    """What was paid and what has come back, in order of time; money that was never the order's is not on it."""
    paid = Attempt.objects.filter(order=order, disposition=Disposition.APPLIED)
    back = Refund.objects.filter(attempt__in=paid, state=Refund.State.SUCCESS).select_related("attempt")
    moves = [
        Move(_("Paid, {channel}").format(channel=CHANNEL[one.channel]), one.paid_at, one.paid_minor)
        for one in paid
        if one.paid_at is not None and one.paid_minor is not None
    ]
    moves += [
        Move(_("Refunded: {why}").format(why=reason_of(one, "customer")), one.succeeded_at, -one.amount_minor)
        for one in back
        if one.succeeded_at is not None
    ]
    return sorted(moves, key=lambda move: move.at)
