"""What the live topics of this app show and to whom; wired into config/live.py.

`rider/<usr>` is one rider's own running orders, `jobs` the open jobs for riders on duty.
"""

from typing import Any

from config.ground import clock
from orders.access import Person
from orders.order.models import Order
from orders.order.states import RUNNING
from orders.words import status_key
from tracking import jobs
from tracking.models import Rider


def follow_rider(person: Person, ref: str) -> str | None:
    """The rider whose orders these are."""
    mine = person.user_id is not None and Rider.objects.filter(user_id=person.user_id, user__public_id=ref).exists()
    return "rider" if mine else None


def rider_now(ref: str, role: str) -> tuple[int, dict[str, Any]]:
    """The orders this rider carries, with their versions; the page fetches the rest."""
    del role
    rows = Order.objects.filter(status__in=RUNNING, carrier__public_id=ref).select_related("shop")
    return 0, {"orders": {order.public_id: {"version": order.version, "word": status_key(order)} for order in rows}}


def follow_jobs(person: Person, ref: str) -> str | None:
    """Riders on duty."""
    if ref or person.user_id is None:
        return None
    on_duty = Rider.objects.filter(user_id=person.user_id, is_on_duty=True).exists()
    return "rider" if on_duty else None


def jobs_now(ref: str, role: str) -> tuple[int, dict[str, Any]]:
    """Which jobs are open."""
    del ref, role
    return 0, {"jobs": [job.order.public_id for job in jobs.open_jobs(clock.now())]}
