"""What a visit remembers about a person: where to deliver, and the secrets of their private links.

The session's row is readable to whoever reads the database, so everything here is sealed.
"""

import base64
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from config.ground import vault
from orders.order.models import Order
from orders.people import User

ADDRESS = "address"
LINKS = "guest_links"
KNOCKS = "guest_knocks"
MOST_LINKS = 50  # as many as orders.access keeps


def keep_address(request: HttpRequest, address: dict[str, Any]) -> None:
    """Deliver there next time too."""
    request.session[ADDRESS] = _sealed(address, ADDRESS)


def kept_address(request: HttpRequest) -> dict[str, Any]:
    """`{name, phone, line, city?, location?}`: of this visit, else of the account's last order; else empty."""
    if sealed := request.session.get(ADDRESS):
        return dict(_unsealed(sealed, ADDRESS))
    if not isinstance(request.user, User):
        return {}
    last = Order.objects.filter(customer=request.user).exclude(recipient_sealed=b"").order_by("-id").first()
    return last.recipient if last else {}


def masked(phone: str) -> str:
    """`138 **** 2071`: enough to know one's own number again."""
    return f"{phone[:3]} **** {phone[-4:]}" if len(phone) > 7 else ""


def keep_link(request: HttpRequest, order_id: str, secret: str) -> None:
    """Remember the secret of a guest's order, so that its page can show the private link."""
    links = dict(list(request.session.get(LINKS, {}).items())[-MOST_LINKS + 1 :])
    request.session[LINKS] = links | {order_id: _sealed(secret, f"{LINKS}|{order_id}")}


def kept_link(request: HttpRequest, order_id: str) -> str:
    """The whole private link of a guest's order, or an empty text."""
    sealed = request.session.get(LINKS, {}).get(order_id)
    if not sealed:
        return ""
    secret = _unsealed(sealed, f"{LINKS}|{order_id}")
    return request.build_absolute_uri(reverse("storefront:guest", args=[order_id, secret]))


def keep_knock(request: HttpRequest, order_id: str, secret: str) -> None:
    """Remember a right link until its question is answered, so that the secret need not stand in an address."""
    request.session[KNOCKS] = {order_id: _sealed(secret, f"{KNOCKS}|{order_id}")}


def kept_knock(request: HttpRequest, order_id: str) -> str:
    """The secret of the link that this browser came by, or an empty text."""
    sealed = request.session.get(KNOCKS, {}).get(order_id)
    return str(_unsealed(sealed, f"{KNOCKS}|{order_id}")) if sealed else ""


def forget_knock(request: HttpRequest, order_id: str) -> None:
    """The question was answered."""
    request.session.get(KNOCKS, {}).pop(order_id, None)


def _sealed(value: Any, place: str) -> str:
    return base64.b64encode(vault.seal_json(value, f"session|{place}")).decode()


def _unsealed(text: str, place: str) -> Any:
    return vault.unseal_json(base64.b64decode(text), f"session|{place}")
