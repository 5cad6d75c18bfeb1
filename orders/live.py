"""What the live topics of this app show and to whom; wired into config/live.py.

Each topic answers two questions: may this person follow it (and as what), and what does it look like now.
`order/<ord>` is one order, `shop/<res>` what everyone may know of a shop, `board/<res>` the running orders of a
shop for its staff, `customer/<usr>` one's own running orders, `webhooks/<res or usr>` what happens to
their endpoints, `ops` everything for support.
"""

from typing import Any

from django.utils.crypto import constant_time_compare

from notifications.live.person import NOBODY
from notifications.live.person import Person as Listener
from notifications.webhooks import reading
from orders.access import Person, role_in, works_at
from orders.catalog.models import Product, Shop
from orders.order.models import Order
from orders.order.states import RUNNING
from orders.people import ApiKey, User, hash_key
from orders.services import all_units_left
from orders.words import facts_of, status_key

MOST = 200  # orders in one snapshot; a board or list refetches its page for more

NO_ORDER = Order(shop_id=0)
Snapshot = tuple[int, dict[str, Any]]


def follow_order(person: Person, ref: str) -> str | None:
    """Whoever takes part in it, in their role."""
    order = Order.objects.filter(public_id=ref).first()
    role = role_in(person, order or NO_ORDER)  # one that never was is looked at just as long as somebody else's
    return role if order is not None else None


def order_now(ref: str, role: str) -> Snapshot:
    """The whole state that frames of this topic patch."""
    del role  # the same for every role; what differs is fetched as panels
    order = Order.objects.select_related("shop").get(public_id=ref)
    return order.version, state_of(order)


def state_of(order: Order) -> dict[str, Any]:
    """One order as frames tell it."""
    return {
        "status": order.status,
        "paymentStatus": order.payment_status,
        "word": status_key(order),
        "facts": facts_of(order),
        "estimatedTime": order.estimated_minutes,
        "window": [_iso(order.promised_from), _iso(order.promised_to)],
        "readyBy": _iso(order.ready_by),
    }


def follow_shop(person: Person, ref: str) -> str | None:
    """Everybody may know what a listed shop sells and whether it is open."""
    del person
    return "customer" if Shop.objects.listed().filter(public_id=ref).exists() else None


def shop_now(ref: str, role: str) -> Snapshot:
    """Open or not, and which products are sold out or nearly."""
    del role
    shop = Shop.objects.get(public_id=ref)
    products = list(Product.objects.filter(shop=shop).listed())
    lefts = all_units_left(products)
    scarce = {
        product.public_id: {"soldOut": product.is_sold_out or lefts[product.pk] == 0, "left": lefts[product.pk]}
        for product in products
        if product.is_sold_out or lefts[product.pk] is not None
    }
    return shop.version, {"open": shop.is_open, "pausedUntil": _iso(shop.paused_until), "products": scarce}


def follow_board(person: Person, ref: str) -> str | None:
    """The shop's own staff, and support."""
    if person.is_staff:
        return "staff"
    shop = Shop.objects.filter(public_id=ref).first()
    return "merchant" if shop is not None and works_at(person, shop.pk) else None


def board_now(ref: str, role: str) -> Snapshot:
    """The running orders of a shop with their versions; the page fetches the tickets it lacks."""
    del role
    return 0, {"orders": _versions(shop__public_id=ref)}


def follow_webhooks(person: Person, ref: str) -> str | None:
    """The staff of the shop, or the account, whose endpoints they are; and support."""
    return follow_board(person, ref) or follow_customer(person, ref)


def webhooks_now(ref: str, role: str) -> Snapshot:
    """How much waits for the endpoints of a shop or account."""
    del role
    return 0, {"waiting": sum(one.waiting for one in reading.show(reading.endpoints_of(ref)))}


def follow_customer(person: Person, ref: str) -> str | None:
    """Oneself."""
    mine = person.user_id is not None and User.objects.filter(pk=person.user_id, public_id=ref).exists()
    return "customer" if mine else None


def customer_now(ref: str, role: str) -> Snapshot:
    """One's own running orders."""
    del role
    return 0, {"orders": _versions(customer__public_id=ref)}


def follow_ops(person: Person, ref: str) -> str | None:
    """Support."""
    del ref
    return "staff" if person.is_staff else None


def ops_now(ref: str, role: str) -> Snapshot:
    """How many orders run."""
    del ref, role
    return 0, {"running": Order.objects.filter(status__in=RUNNING).count()}


def _versions(**whose: Any) -> dict[str, dict[str, Any]]:
    rows = Order.objects.filter(status__in=RUNNING, **whose).select_related("shop").order_by("-id")[:MOST]
    return {order.public_id: {"version": order.version, "word": status_key(order)} for order in rows}


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None


def person_of_key(secret: str) -> Listener:
    """Whose program shows this API key; it sees what its account sees, and never everything as support does."""
    key = ApiKey.objects.select_related("user").filter(secret_hash=hash_key(secret), revoked_at=None).first()
    return _account(key.user) if key is not None else NOBODY


def person_of_account(told: str) -> Listener:
    """The account of a ticket, as `account_of` wrote it; nobody once its password was changed."""
    public_id, _, mark = told.partition(":")
    user = User.objects.filter(public_id=public_id).first()
    return _account(user) if user is not None and constant_time_compare(mark, _mark(user)) else NOBODY


def account_of(user: User) -> str:
    """What a ticket remembers of an account: which, and that its password is still the same."""
    return f"{user.public_id}:{_mark(user)}"


def _account(user: User) -> Listener:
    return Listener(user.pk, user.public_id) if user.is_active else NOBODY


def _mark(user: User) -> str:
    return user.get_session_auth_hash()[:16]
