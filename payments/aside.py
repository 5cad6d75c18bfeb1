"""The poison rows: money and refunds that fail each time are set aside with a reason, until a person tries again.

The rounds of the clock report each failure here. A later success, by whatever road, brings a row back.
"""

import logging
from typing import NamedTuple

from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection
from django.db.models import F

from config.ground import clock
from payments.models import Attempt, Refund

QUICK_TRIES = 3  # by the round of every 30 s; the hourly check goes on
TRIES = 5  # in all: a fault of an hour ends by itself before anything is set aside
REFUND_TRIES = 8  # answers in a row that could not be written down; their pauses grow by themselves

logger = logging.getLogger(__name__)


class Counts(NamedTuple):
    """What one pass did, in rows: looked at, repaired, set aside, and left as they are for the next time."""

    looked_at: int = 0
    repaired: int = 0
    set_aside: int = 0
    left: int = 0


def money_failed(pk: int, tries: int, error: Exception) -> bool:
    """Count one more failure to apply an attempt's money (`tries` before this one); True: it is set aside now."""
    if not is_its_own_fault(error):
        return False
    is_last = tries + 1 >= TRIES
    rows = Attempt.objects.unapplied().filter(pk=pk, apply_tries=tries).order_by()  # a twin counts it once
    changed = rows.update(apply_tries=tries + 1, **(_aside(error) if is_last else {}))
    if changed and is_last:
        logger.error("attempt %s is set aside after %s tries: %s", pk, TRIES, error)
    return bool(changed) and is_last


def refund_failed(refund: Refund, error: Exception) -> bool:
    """Count one more answer about a refund that could not be written down; True: it is set aside now."""
    if not is_its_own_fault(error):
        return False
    is_last = refund.faults + 1 >= REFUND_TRIES
    rows = Refund.objects.filter(pk=refund.pk, faults=refund.faults, state__in=Refund.DUE)
    if is_last:
        changed = rows.update(faults=F("faults") + 1, next_try_at=None, **_aside(error))
        logger.error("refund %s is set aside after %s tries: %s", refund, REFUND_TRIES, error)
    else:
        changed = rows.update(faults=F("faults") + 1, last_error=reason(error))
    return bool(changed) and is_last


def is_its_own_fault(error: Exception) -> bool:
    """False for what the row cannot help: a deadlock, a lock, a statement's time. Raises when the database is gone."""
    if isinstance(error, SoftTimeLimitExceeded):
        raise error
    if not isinstance(error, OperationalError):
        return True
    if not connection.is_usable():
        connection.close()
        raise error
    return False


def reason(error: Exception) -> str:
    """One line for people."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def waiting() -> dict[str, int]:
    """How many rows wait for a person."""
    return {
        "money": Attempt.objects.set_aside().order_by().count(),
        "refunds": Refund.objects.filter(set_aside_at__isnull=False).count(),
    }


def _aside(error: Exception) -> dict[str, object]:
    return {"set_aside_at": clock.now(), "set_aside_why": reason(error)}
