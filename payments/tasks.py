"""What payments do by the clock; intervals stand in config/celery.py. Each may run twice, at once, late or never."""

from typing import Any

from celery import shared_task

from payments import expiry, reconcile, refunds, services, syncing


@shared_task
def expire_unpaid() -> int:
    """Cancel orders that nobody paid in time; returns how many."""
    return expiry.expire_due()


@shared_task
def sync_attempts() -> int:
    """Ask the gateways about unsettled attempts that are due; returns how many."""
    return syncing.sync_due()


@shared_task
def push_refunds() -> int:
    """Ask the gateways for refunds that are due; returns how many."""
    return refunds.push_due()


@shared_task
def expire_proposals() -> int:
    """End proposed refunds that nobody decided in time; returns how many."""
    return services.expire_proposals()


@shared_task
def apply_unapplied() -> dict[str, int]:
    """Repair what stopped between recording money and applying it."""
    return reconcile.apply_unapplied()._asdict()


@shared_task(name="payments.tasks.reconcile", time_limit=560, soft_time_limit=530)
def reconcile_hourly() -> dict[str, dict[str, Any]]:
    """Check our books against themselves and ask every open question; returns what was found, zeros included."""
    run = reconcile.reconcile()
    return dict(run.found) if run is not None else {}
