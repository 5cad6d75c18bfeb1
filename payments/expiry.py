"""Nobody paid in time: close at the gateway, then cancel whatever it said, unless it said SUCCESS.

Called every 5 s by tasks.py. Two runs at once share the work: each order's open attempts are leased.
"""

import logging
from datetime import timedelta
from functools import partial

from django.db import transaction

from config.ground import clock
from config.ground.problems import Refusal
from orders import services as orders
from orders.actors import SYSTEM
from orders.models import Order
from orders.order import road
from orders.order.states import WAITING_FOR_MONEY, Status
from payments import asking
from payments.asking import Heard
from payments.models import Attempt
from payments.services.ask import learn

BATCH = 200
LEASE = timedelta(seconds=15)
SECONDS = 3.0  # for all gateways together: an order is cancelled at most 10 s after its deadline
SILENCE = Heard(error=f"no answer within {SECONDS:.0f} s")

logger = logging.getLogger(__name__)


def expire_due(limit: int = BATCH) -> int:
    """Cancel the unpaid orders whose deadline has passed; returns how many."""
    due, attempts = _claim(limit)
    heard = asking.side_by_side({a.pk: partial(asking.close, a) for a in attempts}, SECONDS)
    for attempt in attempts:
        try:
            learn(attempt, heard.get(attempt.pk, SILENCE))
        except Exception:
            logger.exception("%s: closing could not be written down", attempt)
    return sum(_cancel(order_id) for order_id in due)


def _claim(limit: int) -> tuple[list[str], list[Attempt]]:
    """The orders to cancel and their attempts to close; orders leased to another run are left to it."""
    now = clock.now()
    late = (
        Order.objects.filter(status=Status.PENDING, payment_status__in=WAITING_FOR_MONEY, expires_at__lte=now)
        .exclude(attempts__leased_until__gt=now)
        .order_by("expires_at", "id")
    )
    with transaction.atomic(durable=True):
        orders_due = dict(late.values_list("pk", "public_id")[:limit])
        open_ones = Attempt.objects.open().filter(order__in=list(orders_due))
        keys = list(open_ones.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))
        Attempt.objects.filter(pk__in=keys).update(
            state=Attempt.State.CLOSING, leased_until=now + LEASE, next_sync_at=now + LEASE
        )
    attempts = Attempt.objects.filter(pk__in=keys).select_related("order__shop").order_by("pk")
    return list(orders_due.values()), list(attempts)


def _cancel(order_id: str) -> bool:
    """Release and cancel in one transaction. False: it was paid or ended a moment earlier."""
    try:
        with transaction.atomic(durable=True):
            order = road.locked(order_id)
            if order.payment_status == "PROCESSING":
                orders.release_payment(order_id, actor=SYSTEM)
            orders.cancel_order(order_id, reason="PAYMENT_TIMEOUT", actor=SYSTEM)
    except Refusal as no:
        logger.info("%s is not cancelled: %s", order_id, no)
        return False
    return True
