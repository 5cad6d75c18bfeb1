"""A guest's private link in another browser: the secret, then the last four digits of the phone; wrong ones shut it.

Called by orders/storefront/guests.py. What is wrong is counted in the database and in its own transaction: the
refusal would roll the count back, and a count in Redis could be forgotten.
"""

import hmac
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground import clock, limits
from config.ground.limits import Limit
from config.ground.problems import Refusal
from orders.actors import Actor
from orders.order import road
from orders.order.guests import GuestDoor
from orders.order.models import Order
from orders.order.road import NoSuchOrder, Step
from orders.people import digits_of, hash_key

DIGITS = 4
TRIES = 5  # wrong answers until the link is shut: of 10,000 answers that leaves 1 in 2,000
SHUT = timedelta(minutes=15)
SHUT_LONG = timedelta(hours=24)  # from the third time on
WRONG_LINKS = Limit(per_minute=10, burst=20)  # of one address; a secret has 256 bits, this only keeps the noise down


class DigitsWrong(Refusal):
    """Not the last digits of the number that was given with the order."""

    code = "digits_wrong"
    status = 422
    message = _("These are not the last 4 digits of the number given with the order. {n} tries left.")


class LinkShut(Refusal):
    """Too many wrong answers."""

    code = "link_shut"
    status = 429
    message = _("Too many wrong tries. This link opens again at {time}; the device it was ordered on still shows it.")


def knock(order_id: str, secret: str, *, address: str | None) -> Order:
    """The order of a right link. Raises NoSuchOrder for a wrong one, TooMany for many of them from one address."""
    order = Order.objects.select_related("shop").filter(public_id=order_id).exclude(guest_hash="").first()
    known = order.guest_hash if order else hash_key("")
    if hmac.compare_digest(known, hash_key(secret)) and order is not None and order.has_open_link:
        return order
    limits.hold(f"link:{address}", WRONG_LINKS)
    raise NoSuchOrder


@transaction.atomic
def withdraw_link(order_id: str, actor: Actor) -> Order:
    """Open this order to nobody by its private link any more, also where it was opened before."""
    return road.move(road.locked(order_id), None, Step("staff.noted", columns={"guest_hash": ""}), actor)


def asks_digits(order: Order) -> bool:
    """Whether the link has a second lock: the guest left a phone number."""
    return bool(_last_digits(order))


def answer(order: Order, digits: str) -> None:
    """Let pass whoever knows the last four digits. Raises DigitsWrong, LinkShut."""
    with transaction.atomic():
        GuestDoor.objects.get_or_create(order=order)
        door = GuestDoor.objects.select_for_update(no_key=True, of=("self",)).get(order=order)
        now = clock.now()
        if door.shut_until is None or door.shut_until <= now:
            if hmac.compare_digest(digits_of(digits).encode(), _last_digits(order).encode()):
                door.wrong_tries, door.shut_until = 0, None
                door.save()
                return
            door.wrong_tries += 1
            if door.wrong_tries % TRIES == 0:
                door.shut_until = now + (SHUT if door.wrong_tries < 3 * TRIES else SHUT_LONG)
            door.save()
    if door.shut_until is not None and door.shut_until > now:
        opens = door.shut_until.astimezone(order.shop.tz)
        raise LinkShut(time=f"{opens:%m-%d %H:%M}", retry_after=int((door.shut_until - now).total_seconds()) + 1)
    raise DigitsWrong(n=TRIES - door.wrong_tries % TRIES)


def _last_digits(order: Order) -> str:
    return digits_of(str(order.recipient.get("phone", "")))[-DIGITS:]
