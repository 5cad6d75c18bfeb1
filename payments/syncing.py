"""Asking about every attempt that is not settled, on the schedule of matching.py; the notification is only a hint.

Called every 5 s by tasks.py and, until nothing is due, by reconcile.py. Claims work by moving `next_sync_at`.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F, QuerySet

from config.ground import clock
from orders.order.states import WAITING_FOR_MONEY, Status
from payments import asking, matching
from payments.aside import is_its_own_fault, reason
from payments.asking import Heard
from payments.models import Attempt
from payments.services.ask import learn
from payments.services.start import write_opened

BATCH = 200
LEASE = timedelta(seconds=30)
SECONDS = 4.0  # what has no answer by then is asked again when its lease ends; nobody else waits for it
State = Attempt.State

logger = logging.getLogger(__name__)


def sync_due(limit: int = BATCH) -> int:
    """Ask about the attempts that are due; returns how many. Each fails for itself."""
    attempts = _claim(limit)
    to_open = [attempt for attempt in attempts if _wants_to_open(attempt)]
    to_ask = [attempt for attempt in attempts if attempt not in to_open]
    opened = asking.side_by_side({a.pk: partial(asking.try_create, a) for a in to_open}, SECONDS)
    heard = asking.side_by_side({a.pk: question(a) for a in to_ask}, SECONDS)
    for attempt in attempts:
        try:
            if attempt.pk in opened:
                write_opened(attempt, opened[attempt.pk])
            elif attempt.pk in heard:
                learn(attempt, heard[attempt.pk])
        except Exception as error:
            logger.exception("%s: asked again on its schedule", attempt)
            _postpone(attempt, error)
    return len(attempts)


def due(now: datetime) -> QuerySet[Attempt]:
    """What is to be asked about, first what has waited longest."""
    return Attempt.objects.filter(next_sync_at__lte=now).order_by("next_sync_at", "pk")


def _claim(limit: int) -> list[Attempt]:
    now = clock.now()
    with transaction.atomic(durable=True):
        keys = list(due(now).select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)[:limit])
        Attempt.objects.filter(pk__in=keys).update(next_sync_at=now + LEASE)
    return list(Attempt.objects.filter(pk__in=keys).select_related("order__shop").order_by("pk"))


def _postpone(attempt: Attempt, error: Exception) -> None:
    """An answer that could not be written down: the schedule goes on, so that one bad row is not asked for ever."""
    if not is_its_own_fault(error):
        return
    later = matching.next_sync(attempt.created_at, attempt.gateway_expires_at, clock.now())
    rows = Attempt.objects.filter(pk=attempt.pk, next_sync_at__isnull=False)
    rows.update(next_sync_at=later, sync_count=F("sync_count") + 1, last_error=reason(error))


def _is_payable(attempt: Attempt) -> bool:
    order = attempt.order
    return order.status == Status.PENDING and order.payment_status in WAITING_FOR_MONEY


def _wants_to_open(attempt: Attempt) -> bool:
    """Its create call got no answer (or the process died before it) and the buyer may still pay by it."""
    return (
        attempt.state in {State.CREATED, State.UNKNOWN}
        and not attempt.has_a_way
        and _is_payable(attempt)
        and clock.now() < attempt.gateway_expires_at
    )


def question(attempt: Attempt) -> Callable[[], Heard]:
    """Close what nobody should pay any more; only ask about everything else."""
    unwanted = attempt.state == State.CLOSING or (attempt.is_open and not _is_payable(attempt))
    return partial(asking.close if unwanted else asking.query, attempt)
