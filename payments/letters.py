"""What people are written about their money: it is back. Wired in config/letters.py."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from config.ground import figures
from notifications.letters.models import About, Channel
from notifications.letters.office import Draft
from notifications.letters.rendering import Words
from notifications.log import Heard
from orders.letters.news import moment_words, order_page
from orders.letters.people import reader_of
from orders.models import Order
from orders.words import CHANNEL


def returned(event: Heard, order: Order) -> Sequence[Draft]:
    """So much of an order's money is back with whoever paid it."""
    reader = reader_of(order)

    def say(zone: str) -> Words:
        amount = figures.money(event.data["amountMinor"], order.currency)
        channel = CHANNEL[order.method].text
        return Words(
            subject=_("%(amount)s is back") % {"amount": amount},
            lead=_("%(amount)s of your order at %(shop)s went back by %(channel)s.")
            % {"amount": amount, "shop": order.shop.name, "channel": channel},
            more=[_("Bank cards: 1 to 3 working days.")],
            facts=[
                (_("Order"), f"{order.number}"),
                (_("Refunded"), amount),
                (_("Refunded at"), moment_words(event.at, zone)),
            ],
            button=_("Open the order"),
            url=order_page(order),
        )

    return [
        Draft(
            person=reader.person, kind=event.type, about=About.REFUND, language=reader.language, say=say,
            channels=() if reader.is_guest else tuple(Channel), matters=True,
        )
    ]  # fmt: skip
