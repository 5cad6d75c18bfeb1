"""The hourly check: our own books agree with themselves, and every open question gets its answer.

Called by tasks.py. PASSES names what happens in which order; each run leaves a Run behind, also when it found nothing.
What cannot be repaired becomes a Difference for support, what fails again and again is set aside with its reason.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from config.ground import clock
from payments import billing, passes
from payments.aside import Counts, reason
from payments.models import Run
from payments.passes import Budget, Pass

LOCK = 0x10C4_57EB  # advisory: one run at a time in the whole installation
SECONDS = 440.0  # of one run; below the task's own limit, so that a run always ends by itself and is recorded

PASSES: dict[str, Pass] = {
    "apply": passes.apply_money,
    "ask": passes.ask_everything,
    "refunds": passes.push_refunds,
    "orders": passes.compare_orders,
    "bills": billing.fetch_missing,
    "books": passes.add_up,
}

logger = logging.getLogger(__name__)


def reconcile(seconds: float = SECONDS) -> Run | None:
    """Check and repair once; None when another run is at work."""
    with _alone() as lock:
        return _run(lock, Budget(seconds)) if lock is not None else None


def apply_unapplied() -> Counts:
    """Apply what stopped between recording money and applying it; the round of every 30 s."""
    return passes.apply_quickly()


@contextmanager
def _alone() -> Iterator[BaseDatabaseWrapper | None]:
    """Hold the lock in a transaction on a connection of its own; None: somebody else has it.

    Bound to a transaction it holds behind a pool that changes connections between statements too, and it cannot
    outlive its run in a connection that is kept for the next task.
    """
    own = connection.copy()
    try:
        own.set_autocommit(autocommit=False)
        with own.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            is_ours = bool(cursor.fetchone()[0])
        yield own if is_ours else None
    finally:
        own.close()


def _run(lock: BaseDatabaseWrapper, budget: Budget) -> Run:
    run = Run.objects.create(newest_order=passes.newest_order())
    try:
        for name, work in PASSES.items():
            run.found[name] = _one_pass(name, work, budget)
            run.save(update_fields=["found"])  # a run that is killed shows how far it came
            _still_alone(lock)
    except Exception as error:
        logger.exception("reconcile: the run broke off")
        run.error = reason(error)
    run.error = run.error or _errors(run)
    run.ended_at = clock.now()
    run.save()
    return run


def _one_pass(name: str, work: Pass, budget: Budget) -> dict[str, object]:
    began = monotonic()
    told: dict[str, object] = {}
    try:
        counts = work(budget)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        logger.exception("reconcile: the pass %s failed", name)
        counts, told = Counts(), {"error": reason(error)}
    return {**counts._asdict(), "seconds": round(monotonic() - began, 3), **told}


def _still_alone(lock: BaseDatabaseWrapper) -> None:
    """Raise when the connection that holds the lock is gone: another run may be at work then."""
    if not lock.is_usable():
        raise DatabaseError("the connection with the lock was lost; the next run goes on")


def _errors(run: Run) -> str:
    return " · ".join(f"{name}: {told['error']}" for name, told in run.found.items() if told.get("error"))[:300]
