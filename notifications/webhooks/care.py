"""Whose endpoint has failed for an hour, and that its owner has been told; a task of the app that knows owners asks."""

from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Q

from config.ground import clock
from notifications.webhooks import lanes, schedule
from notifications.webhooks.endpoints import SYSTEM, tell
from notifications.webhooks.models import Endpoint


class Failing(NamedTuple):
    """What its owner is to be told."""

    pk: int
    account: str
    url: str
    hours: int
    waiting: int
    answer: str


def to_tell() -> list[Failing]:
    """Endpoints that have failed for an hour and whose owners do not know yet."""
    now = clock.now()
    rows = Endpoint.objects.filter(
        state=Endpoint.State.WORKING, failing_since__lte=now - schedule.TELL_AFTER, told_at=None
    )
    counted = rows.annotate(waiting=Count("messages", filter=Q(messages__state="WAITING"))).order_by("failing_since")
    return [Failing(one.pk, one.account, one.url, _hours(one), one.waiting, one.last_answer) for one in counted]


@transaction.atomic
def told(pk: int) -> None:
    """Its owner has been told; until it works again there is no second letter."""
    endpoint = lanes.locked(pk)
    if endpoint.told_at is None and endpoint.failing_since is not None:
        endpoint.told_at = clock.now()
        endpoint.save(update_fields=["told_at"])
        tell(endpoint, "webhook.failing", SYSTEM)


def _hours(endpoint: Endpoint) -> int:
    began = endpoint.failing_since or clock.now()
    return max(1, int((clock.now() - began).total_seconds() // 3_600))
