"""The one sentence under the arrival window, for every state of an order; pages embed the table for live changes."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.order.models import Order
from orders.words import cancel_word, facts_of, status_key, table

SENTENCES: dict[str, str | Promise] = {
    "PENDING.UNPAID": _("{shop} gets your order as soon as it is paid."),
    "PENDING.PROCESSING": _("Paid already? We are asking about it, wait a moment. Not yet? Then pay now."),
    "PENDING.PAID": _("{shop} answers within a few minutes."),
    "PENDING.DUE_ON_DELIVERY": _("{shop} answers within a few minutes."),
    "CONFIRMED": _("{shop} has taken your order."),
    "PREPARING.MEAL": _("{shop} is cooking it now."),
    "PREPARING.GROCERY": _("{n} of {m} items are in the bag."),
    "PREPARING.DIGITAL": _("Your keys are being issued."),
    "READY.OPEN": _("Packed. A rider is being found."),
    "READY.CLAIMED": _("Packed. Your rider is coming to collect it."),
    "READY.COLLECTION": _("Ready in the shop. Say number {number}."),
    "ON_DELIVERY": _("Your rider has it and is on the way to you."),
    "COMPLETED.DELIVERED": _("Handed over at your door. Enjoy it."),
    "COMPLETED.COLLECTED": _("Handed over in the shop. Enjoy it."),
    "COMPLETED.ISSUED": _("Your keys are below."),
}

# which of the four parts of the bar is the present one; 5: all are done
STAGES = {"PENDING": 1, "CONFIRMED": 2, "PREPARING": 2, "READY": 3, "ON_DELIVERY": 4, "COMPLETED": 5, "CANCELLED": 0}


class _Known(dict[str, Any]):
    """Leaves a placeholder standing whose value is only known to a later frame."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def sentence(order: Order) -> str:
    """What is going on, for the customer."""
    if order.status == "CANCELLED":
        return cancel_word(order, "customer").text
    return str(SENTENCES[status_key(order)]).format(shop=order.shop.name, number=order.number, **facts_of(order))


def labels(order: Order) -> dict[str, dict[str, str]]:
    """Every label with its sentence, for live changes of this order; {n}, {m} and {time} come with the frames."""
    known = _Known(shop=order.shop.name, number=order.number)
    return {
        key: {**label, "sentence": str(SENTENCES[key]).format_map(known)} if key in SENTENCES else label
        for key, label in table("customer").items()
    }
