"""Forgetting what was said long ago: settled messages with their tries, in batches; a task and a command call it.

Nothing that anybody still needs is lost. The log keeps every event, so a replay makes the same message again, with the
same body and the same id (outbox.py); what still waits is never old enough.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from config.ground import clock
from notifications.webhooks.models import Message, Replay

BATCH = 1_000  # messages in one transaction: half a second of a small machine, no lock that anybody notices


def old() -> QuerySet[Message]:
    """What has been settled for longer than settings.WEBHOOK_KEEP_DAYS."""
    return Message.objects.filter(settled_at__lt=_long_ago()).exclude(state=Message.State.WAITING)


def sweep(*, batches: int) -> int:
    """Forget up to so many batches, the oldest first; returns how many messages. Two sweepers share the work."""
    forgotten = 0
    for _ in range(batches):
        count = _forget_some()
        forgotten += count
        if count < BATCH:
            break
    Replay.objects.filter(ended_at__lt=_long_ago()).delete()
    return forgotten


@transaction.atomic
def _forget_some() -> int:
    rows = old().select_for_update(skip_locked=True).order_by("settled_at")
    keys = list(rows.values_list("pk", flat=True)[:BATCH])
    if not keys:
        return 0
    _all, of_each = Message.objects.filter(pk__in=keys).delete()  # with its tries
    return int(of_each["notifications.Message"])


def _long_ago() -> datetime:
    return clock.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS)
