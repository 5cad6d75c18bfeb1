"""Which endpoints have failed for an hour: a task tells the log, and from that the owner is written to."""

from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Q

from config.ground import clock
from notifications.webhooks import lanes, schedule
from notifications.webhooks.endpoints import SYSTEM, tell
from notifications.webhooks.models import Endpoint


class Failing(NamedTuple):
    """What its owner is to be told."""

    account: str
    url: str
    hours: int
    waiting: int
    answer: str


def to_tell() -> list[int]:
    """Keys of endpoints that have failed for an hour and whose owners do not know yet."""
    due = Endpoint.objects.filter(
        state=Endpoint.State.WORKING, failing_since__lte=clock.now() - schedule.TELL_AFTER, told_at=None
    )
    return list(due.order_by("failing_since").values_list("pk", flat=True))


def failing(public_id: str) -> Failing | None:
    """What its owner is to be told now; None when it works again."""
    rows = Endpoint.objects.filter(public_id=public_id, failing_since__isnull=False)
    one = rows.annotate(waiting=Count("messages", filter=Q(messages__state="WAITING"))).first()
    return Failing(one.account, one.url, _hours(one), one.waiting, one.last_answer) if one else None


@transaction.atomic
def told(pk: int) -> None:
    """Tell the log, from which the owner is told; until it works again there is no second letter."""
    endpoint = lanes.locked(pk)
    if endpoint.told_at is None and endpoint.failing_since is not None:
        endpoint.told_at = clock.now()
        endpoint.save(update_fields=["told_at"])
        tell(endpoint, "webhook.failing", SYSTEM)


def _hours(endpoint: Endpoint) -> int:
    began = endpoint.failing_since or clock.now()
    return max(1, int((clock.now() - began).total_seconds() // 3_600))
