"""Who a letter is for, and where that person is reached: addresses are opened only when something is sent.

An account is named by its public id, a guest by the stream of the order: `order/ord_…`. `asked/usr_…` is whoever
reads the address that an account gave and nobody has confirmed yet.
"""

from collections.abc import Collection
from typing import NamedTuple

from notifications.letters.models import ASKED, Channel
from orders.order.models import Order
from orders.people import PHONE_DIGITS, User, digits_of

GUEST = "order/"


class Reader(NamedTuple):
    """Who reads about an order, and in which language."""

    person: str
    language: str
    is_guest: bool


def reader_of(order: Order) -> Reader:
    """The account that placed it, in its language; else whoever has the order's private link."""
    if order.customer is not None:
        return Reader(order.customer.public_id, order.customer.language, is_guest=False)
    return Reader(order.stream, order.language, is_guest=True)


class Directory:
    """Finds addresses; config/letters.py hands it to the office."""

    def address_of(self, person: str, channel: str) -> str:
        """An e-mail address or a phone number in clear; empty: there is none, or the account is closed."""
        if person.startswith(GUEST):
            order = Order.objects.filter(public_id=person.removeprefix(GUEST)).first()
            return _mobile(order.recipient.get("phone", "")) if order and channel == Channel.SMS else ""
        user = User.objects.filter(public_id=person.removeprefix(ASKED), is_active=True).first()
        if user is None:
            return ""
        if person.startswith(ASKED):
            return user.email_asked if channel == Channel.EMAIL else ""
        return user.email if channel == Channel.EMAIL else _mobile(user.phone)

    def reached(self, persons: Collection[str]) -> dict[str, set[str]]:
        """Person → the channels by which there is one, without opening it."""
        guests = [one.removeprefix(GUEST) for one in persons if one.startswith(GUEST)]
        asked = [one.removeprefix(ASKED) for one in persons if one.startswith(ASKED)]
        accounts = [one for one in persons if not one.startswith((GUEST, ASKED))]
        found: dict[str, set[str]] = {}
        if guests:
            orders = Order.objects.filter(public_id__in=guests, phone_index__isnull=False)
            found |= {GUEST + ref: {Channel.SMS} for ref in orders.values_list("public_id", flat=True)}
        users = User.objects.filter(is_active=True)
        if asked:
            waiting = users.filter(public_id__in=asked).exclude(email_asked="")
            found |= {ASKED + ref: {Channel.EMAIL} for ref in waiting.values_list("public_id", flat=True)}
        if accounts:
            rows = users.filter(public_id__in=accounts).values_list("public_id", "email", "phone_index")
            for ref, email, phone in rows:
                found[ref] = {channel for channel, there in ((Channel.EMAIL, email), (Channel.SMS, phone)) if there}
        return found


def _mobile(phone: str) -> str:
    """The digits of a mobile number; empty for anything else."""
    digits = digits_of(phone)
    return digits if len(digits) == PHONE_DIGITS else ""
