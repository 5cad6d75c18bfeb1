"""Who may see which order, and in which role: asked by pages, REST, live topics and admin alike."""

from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from config.ground import clock
from notifications.live.person import GUEST_ORDERS
from orders.order.models import LINK_LASTS, Order
from orders.order.road import NoSuchOrder
from orders.people import ShopStaff


class Person(Protocol):
    """Whoever asks: signed in (`user_id`) or a guest with some orders in their session."""

    @property
    def user_id(self) -> int | None:
        """Primary key, None for a guest."""

    @property
    def is_staff(self) -> bool:
        """Whether support."""

    @property
    def guest_orders(self) -> frozenset[str]:
        """Orders whose secret link was opened."""


@dataclass(frozen=True)
class Asker:
    """A Person made from a page's request."""

    user_id: int | None
    is_staff: bool
    guest_orders: frozenset[str]


def is_support(user: Any) -> bool:
    """Whether this account sees every order: support, and where a second factor is required, only after showing it.

    A token or API key shows none; with these, support is any customer in production.
    """
    if not user.is_staff:
        return False
    return not settings.ADMIN_NEEDS_TOTP or bool(getattr(user, "is_verified", lambda: False)())


def asker(request: HttpRequest) -> Asker:
    """Who sent this request."""
    user = request.user
    guests = frozenset(request.session.get(GUEST_ORDERS, ()))
    return (
        Asker(user.pk, is_support(user), guests)
        if user.is_authenticated
        else Asker(None, is_staff=False, guest_orders=guests)
    )


def remember_guest(request: HttpRequest, order_id: str) -> None:
    """This browser opened the order's secret link (or placed it as a guest)."""
    request.session[GUEST_ORDERS] = [*request.session.get(GUEST_ORDERS, [])[-49:], order_id]


def visible_orders(person: Person) -> QuerySet[Order]:
    """The orders that this person takes part in as customer, guest, shop or rider; support sees all."""
    if person.is_staff:
        return Order.objects.all()
    mine = Order.objects.filter(open_links(person))
    if person.user_id is None:
        return mine
    shops = ShopStaff.objects.filter(user_id=person.user_id).values("shop_id")
    return (
        mine
        | Order.objects.filter(customer_id=person.user_id)
        | Order.objects.filter(shop_id__in=shops)
        | Order.objects.filter(carrier_id=person.user_id)
    )


def open_links(person: Person) -> Q:
    """The orders whose private link this person holds, as long as it is neither withdrawn nor expired."""
    lately = Q(ended_at=None) | Q(ended_at__gt=clock.now() - LINK_LASTS)
    return Q(public_id__in=person.guest_orders) & ~Q(guest_hash="") & lately


def role_in(person: Person, order: Order) -> str | None:
    """customer, merchant, rider or staff; None: this order is none of this person's business."""
    if order.public_id in person.guest_orders and order.has_open_link:
        return "customer"
    if person.user_id is not None:
        if order.customer_id == person.user_id:
            return "customer"
        if works_at(person, order.shop_id):
            return "merchant"
        if order.carrier_id == person.user_id:
            return "rider"
    return "staff" if person.is_staff else None


def own_order(person: Person, order_id: str) -> Order:
    """The order this person placed (or holds the guest link of). Raises NoSuchOrder for anything else."""
    order = Order.objects.select_related("shop", "carrier").prefetch_related("lines").filter(public_id=order_id).first()
    mine = order is not None and (
        (order.public_id in person.guest_orders and order.has_open_link)
        or (person.user_id is not None and order.customer_id == person.user_id)
    )
    if order is None or not mine:
        raise NoSuchOrder
    return order


def works_at(person: Person, shop_pk: int) -> bool:
    """Whether this person is on the staff of this shop."""
    return person.user_id is not None and ShopStaff.objects.filter(user_id=person.user_id, shop_id=shop_pk).exists()


def owns(user_pk: int | None, shop_id: str) -> bool:
    """Whether this person is an owner of the shop (its public id)."""
    owners = ShopStaff.objects.filter(role=ShopStaff.Role.OWNER, shop__public_id=shop_id)
    return user_pk is not None and owners.filter(user_id=user_pk).exists()
