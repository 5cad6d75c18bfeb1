"""Showing a key in clear: to its buyer, and to support with a reason. Each look is a row that stays."""

from django.db import transaction

from config.ground import limits
from config.ground.limits import Limit
from orders.actors import Actor
from orders.order import road
from orders.order.road import NoSuchOrder, Step
from orders.stock.models import KeyIssue, KeyReveal

GUEST = "guest"  # who looked, when nobody is signed in

# Somebody who bought fifty keys copies them one by one; whoever found a session open does not take them all at once.
LOOKS = Limit(per_minute=30, burst=60)


@transaction.atomic
def reveal(order_id: str, line_no: int, unit_no: int, *, by: str, address: str | None) -> str:
    """The key of one unit in clear, recorded as looked at. The caller has checked who may see this order.

    Raises NoSuchOrder when nothing is issued for the unit, TooMany when it comes too fast.
    """
    limits.hold(f"reveal:{order_id}", LOOKS)
    return _open(order_id, line_no, unit_no, by=by, address=address, is_support=False)


@transaction.atomic
def reveal_to_support(order_id: str, line_no: int, unit_no: int, *, actor: Actor, address: str | None) -> str:
    """As `reveal`, for support: the buyer reads on the order's time line that it happened."""
    text = _open(order_id, line_no, unit_no, by=actor.account, address=address, is_support=True)
    told = {"line": line_no, "unit": unit_no, "reload": ["keys"]}
    road.move(road.locked(order_id), None, Step("key.inspected", told), actor)
    return text


def issue_of(order_id: str, line_no: int, unit_no: int) -> KeyIssue:
    """The key that serves this unit now. Raises NoSuchOrder when none is issued."""
    issued = KeyIssue.objects.select_related("key__pool").filter(issued_at__isnull=False, replaced_at=None)
    issue = issued.filter(order__public_id=order_id, line_no=line_no, unit_no=unit_no).first()
    if issue is None:
        raise NoSuchOrder
    return issue


def _open(order_id: str, line_no: int, unit_no: int, *, by: str, address: str | None, is_support: bool) -> str:
    issue = issue_of(order_id, line_no, unit_no)
    KeyReveal.objects.create(issue=issue, by=by, address=address, is_support=is_support)
    return issue.key.text()
