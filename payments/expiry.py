"""Nobody paid in time: close at the gateway, then cancel whatever it said, unless it said SUCCESS.

Called every 5 s by tasks.py. "In time" is the database's clock, the one that all workers share. Two runs at once share
the work: each order's open attempts are leased.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from config.ground import clock
from config.ground.problems import Refusal
from orders import services as orders
from orders.actors import SYSTEM
from orders.models import Order
from orders.order import road
from orders.order.states import WAITING_FOR_MONEY, Status
from payments import asking, settle
from payments.aside import is_its_own_fault
from payments.asking import Heard
from payments.models import Attempt
from payments.services.ask import learn

BATCH = 200
LEASE = timedelta(seconds=8)  # longer than a page takes, short enough to take over from a worker that died
SECONDS = 3.0  # for all gateways and all pages of a run: an order is cancelled at most 10 s after its deadline
SILENCE = Heard(error=f"no answer within {SECONDS:.0f} s")

logger = logging.getLogger(__name__)


class Due(NamedTuple):
    """One order whose time is over."""

    pk: int
    public_id: str
    expires_at: datetime


def expire_due(limit: int = BATCH) -> int:
    """Cancel the unpaid orders whose deadline has passed, `limit` at a time, until none is left; returns how many.

    One order that cannot be cancelled stops none of the others.
    """
    cancelled, end = 0, monotonic() + SECONDS
    for page in _pages(limit):
        paid = _apply_first(page)
        attempts = _claim([one.pk for one in page if one.pk not in paid])
        left = end - monotonic()
        if left > 0:
            heard = asking.side_by_side({a.pk: partial(asking.close, a) for a in attempts}, left)
            for attempt in attempts:
                _learn(attempt, heard.get(attempt.pk, SILENCE))
        # no time left to ask: they are CLOSING, and syncing closes them when their lease ends
        cancelled += sum(_cancel(one.public_id) for one in page if one.pk not in paid)
    return cancelled


def due() -> "QuerySet[Order]":
    """Orders whose time to pay is over, first the longest; those leased to another run are left to it."""
    now = clock.of_the_database()
    late = Order.objects.filter(status=Status.PENDING, payment_status__in=WAITING_FOR_MONEY, expires_at__lte=now)
    return late.exclude(attempts__leased_until__gt=now).order_by("expires_at", "id")


def _pages(limit: int) -> Iterator[list[Due]]:
    rows: QuerySet[Any, Any] = due().values_list("pk", "public_id", "expires_at")
    page = [Due(*row) for row in rows[:limit]]
    while page:
        yield page
        last = page[-1]
        later = rows.filter(expires_at__gte=last.expires_at).exclude(expires_at=last.expires_at, pk__lte=last.pk)
        page = [Due(*row) for row in later[:limit]]


def _apply_first(page: list[Due]) -> set[int]:
    """Money that was recorded in time and waits to be applied saves its order; returns those orders.

    When it cannot be applied, the order waits with it: support sees both, and nobody's paid order is cancelled.
    """
    recorded = Attempt.objects.unapplied().filter(order__in=[one.pk for one in page])
    waiting = list(recorded.values_list("order_id", "public_id"))
    for _order, attempt_id in waiting:
        try:
            settle.apply(attempt_id)
        except Exception as error:
            logger.exception("%s is paid and cannot be applied: its order waits", attempt_id)
            is_its_own_fault(error)
    return {order for order, _attempt in waiting}


def _claim(keys: list[int]) -> list[Attempt]:
    """Lease the open attempts of these orders: nobody else closes them meanwhile."""
    until = clock.of_the_database() + LEASE
    with transaction.atomic(durable=True):
        open_ones = Attempt.objects.open().filter(order__in=keys).order_by("pk")
        mine = list(open_ones.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))
        rows = Attempt.objects.filter(pk__in=mine)
        rows.update(state=Attempt.State.CLOSING, leased_until=until, next_sync_at=until)
    return list(Attempt.objects.filter(pk__in=mine).select_related("order__shop").order_by("pk"))


def _learn(attempt: Attempt, heard: Heard) -> None:
    try:
        learn(attempt, heard)
    except Exception as error:
        logger.exception("%s: closing could not be written down", attempt)
        is_its_own_fault(error)


def _cancel(order_id: str) -> bool:
    """Release and cancel in one transaction. False: it was paid or ended a moment earlier, or cancelling fails."""
    try:
        with transaction.atomic(durable=True):
            order = road.locked(order_id)
            if order.payment_status == "PROCESSING":
                orders.release_payment(order_id, actor=SYSTEM)
            orders.cancel_order(order_id, reason="PAYMENT_TIMEOUT", actor=SYSTEM)
    except Refusal as no:
        logger.info("%s is not cancelled: %s", order_id, no)
        return False
    except Exception as error:
        logger.exception("%s cannot be cancelled", order_id)
        is_its_own_fault(error)
        return False
    return True
