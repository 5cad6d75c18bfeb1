"""What happens to deliveries and letters by the clock; config/celery.py says how often."""

from celery import shared_task

from notifications.letters import erasing
from notifications.webhooks import retention

BATCHES = 50  # of one run: well within the time limit of a task; the next hour goes on


@shared_task
def forget_settled_messages() -> int:
    """Forget webhook messages that were settled long ago; returns how many. Safe to repeat."""
    return retention.sweep(batches=BATCHES)


@shared_task
def erase_old_letters() -> int:
    """Delete the words of letters that are older than a month; returns how many. Safe to repeat."""
    return erasing.expire()
