"""The order within one endpoint and stream: the first waiting message is due, the others are held behind it.

Whoever adds to a lane or takes from it holds its endpoint's row (the reader shared, all others alone), so that two
never arrange the same lane at once.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.db import connection

from config.ground import clock
from notifications.webhooks.models import Endpoint, Message

HEARING = (
    "SELECT id, public_id, host, state = 'WORKING', hears_all, topic FROM notifications_endpoint "
    "WHERE (topic = ANY(%s) AND hears_all OR id = ANY(%s)) AND proved_at IS NOT NULL AND state <> 'REMOVED' "
    "ORDER BY id FOR SHARE"
)
WAITED_FOR = (
    "SELECT endpoint_id FROM notifications_message "
    "WHERE endpoint_id = ANY(%s) AND stream = %s AND state = 'WAITING' ORDER BY endpoint_id, position, id FOR UPDATE"
)
HEADS = (
    "UPDATE notifications_message SET next_at = %s WHERE next_at IS NULL AND id IN ("
    "SELECT DISTINCT ON (stream) id FROM notifications_message "
    "WHERE endpoint_id = %s AND state = 'WAITING' ORDER BY stream, position, id)"
)
GO_ON = """
UPDATE notifications_message SET next_at = %s WHERE next_at IS NULL AND state = 'WAITING' AND id IN (
    SELECT DISTINCT ON (m.endpoint_id, m.stream) m.id
      FROM unnest(%s::bigint[], %s::text[]) AS lane (endpoint_id, stream)
      JOIN notifications_message m ON m.endpoint_id = lane.endpoint_id AND m.stream = lane.stream
      JOIN notifications_endpoint e ON e.id = m.endpoint_id AND e.state = 'WORKING'
     WHERE m.state = 'WAITING' ORDER BY m.endpoint_id, m.stream, m.position, m.id
)
"""


class Hearer(NamedTuple):
    """An endpoint that is to be told something; `hears_all` off: it only signs for an address that an order named."""

    pk: int
    public_id: str
    host: str
    is_working: bool
    hears_all: bool
    topic: str

    def hears(self, topics: Collection[str]) -> bool:
        """Whether it follows one of these topics."""
        return self.hears_all and self.topic in topics


def hearing(topics: Iterable[str], signers: Iterable[int]) -> list[Hearer]:
    """The endpoints that hear any of these topics, and the signers; nobody pauses or disables them meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(HEARING, [list(topics), list(signers)])
        return [Hearer(*row) for row in cursor.fetchall()]


def waited_for(endpoints: Collection[int], stream: str) -> set[int]:
    """Which of the endpoints still wait for something of this stream; that stays so until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(WAITED_FOR, [list(endpoints), stream])
        return {pk for (pk,) in cursor.fetchall()}


def locked(pk: int) -> Endpoint:
    """The endpoint, nobody else adds to its lanes or takes from them until the transaction ends."""
    return Endpoint.objects.select_for_update(no_key=True).get(pk=pk)


def arrange(endpoint: Endpoint, stream: str) -> None:
    """Make the first waiting message of a lane due and hold the others; the caller has locked the endpoint.

    What is being sent this moment is left alone: its answer counts.
    """
    now = clock.now()
    lane = list(
        Message.objects.select_for_update(no_key=True)
        .filter(endpoint=endpoint, stream=stream, state=Message.State.WAITING)
        .order_by("position", "id")
        .only("id", "next_at", "sending_until")
    )
    for place, message in enumerate(lane):
        is_due = place == 0 and endpoint.is_working
        if is_due and message.next_at is None:
            message.next_at = now
        elif not is_due and message.next_at is not None and not _is_sent_now(message):
            message.next_at = None
        else:
            continue
        message.save(update_fields=["next_at"])


def go_on(taken: Collection[tuple[int, str]]) -> None:
    """Make the next message due in these lanes (endpoint, stream), from which something was settled."""
    if not taken:
        return
    with connection.cursor() as cursor:
        cursor.execute(GO_ON, [clock.now(), [pk for pk, _ in taken], [stream for _, stream in taken]])


def start(endpoint: Endpoint) -> None:
    """Make the first message of every lane due."""
    with connection.cursor() as cursor:
        cursor.execute(HEADS, [clock.now(), endpoint.pk])


def stop(endpoint: Endpoint) -> None:
    """Nothing of this endpoint is due any more; what waits keeps waiting."""
    Message.objects.filter(endpoint=endpoint, next_at__isnull=False).update(next_at=None)


def _is_sent_now(message: Message) -> bool:
    return message.sending_until is not None and message.sending_until > clock.now()
