"""Saying it again: one message, what failed since a moment, or everything from a position of the log.

Pages, REST and admin ask; the messages keep their ids, so that a receiver knows them again.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground import clock
from config.ground.problems import Refusal
from notifications.log import Heard
from notifications.log.models import Event, ReaderCursor
from notifications.log.readers import COLUMNS
from notifications.webhooks import endpoints, lanes
from notifications.webhooks.endpoints import By, EndpointUnknown
from notifications.webhooks.models import Circuit, Endpoint, Message, Replay
from notifications.webhooks.outbox import READER, Outbox, reset

REPLAY_BATCH = 200  # events prepared in one transaction


class PositionUnknown(Refusal):
    """It lies beyond what has been said so far, or before the beginning."""

    code = "webhook_position"
    status = 422
    message = _("Choose a position from 1 to {last}.")


class ReplayRunning(Refusal):
    """One at a time."""

    code = "webhook_replay_running"
    status = 409
    message = _("An earlier repeat is still being prepared. Wait until it is done.")


class HeldBehind(Refusal):
    """It waits its turn; sending it now would overtake."""

    code = "webhook_held"
    status = 409
    message = _("An earlier message of this order is still waiting. Resend that one; this one follows by itself.")


def reached() -> int:
    """The position up to which every event has become messages."""
    return ReaderCursor.objects.filter(name=READER).values_list("position", flat=True).first() or 0


@transaction.atomic
def one(endpoint_id: str, message_id: str, *, by: By) -> Message:
    """Send one message at once: tried again now, or said again although it was heard. Refuses with `webhook_held`."""
    endpoint = endpoints.found(endpoint_id)
    message = Message.objects.select_for_update(no_key=True).filter(endpoint=endpoint, public_id=message_id).first()
    if message is None:
        raise EndpointUnknown
    if message.state != Message.State.WAITING:
        reset(Message.objects.filter(pk=message.pk))
        lanes.arrange(endpoint, message.stream)
    elif _first(message).pk != message.pk:
        raise HeldBehind
    message.refresh_from_db()
    if endpoint.is_working and message.next_at is not None and message.sending_until is None:
        message.next_at = clock.now()
        message.save(update_fields=["next_at"])
    _close_circuit(endpoint)
    endpoints.tell(endpoint, "webhook.resent", by, message=message.public_id)
    return message


@transaction.atomic
def waiting(endpoint_id: str, *, by: By) -> int:
    """Try everything that waits now, without further pauses; returns how many wait."""
    endpoint = endpoints.found(endpoint_id)
    if not endpoint.is_working:
        raise endpoints.NotInThisState
    rows = endpoint.messages.filter(state=Message.State.WAITING)
    count = rows.count()
    rows.filter(next_at__isnull=False, sending_until=None).update(next_at=clock.now())
    _close_circuit(endpoint)
    endpoints.tell(endpoint, "webhook.resent", by, count=count)
    return count


@transaction.atomic
def failed_since(endpoint_id: str, since: datetime, *, by: By) -> int:
    """Let everything that was given up since then wait again, in its order; returns how many."""
    endpoint = endpoints.found(endpoint_id)
    rows = endpoint.messages.filter(state=Message.State.GIVEN_UP, settled_at__gte=since)
    streams = set(rows.values_list("stream", flat=True))
    count = reset(rows)
    for stream in sorted(streams):
        lanes.arrange(endpoint, stream)
    _close_circuit(endpoint)
    endpoints.tell(endpoint, "webhook.resent", by, count=count)
    return count


@transaction.atomic
def everything_from(endpoint_id: str, position: int, *, by: By) -> Replay:
    """Say everything from a position again, prepared by the relay in batches.

    Refuses with `webhook_position` beyond what was said so far, `webhook_replay_running` while one is prepared.
    """
    endpoint = endpoints.found(endpoint_id)
    last = reached()
    if not 1 <= position <= last:
        raise PositionUnknown(field="position", last=last)
    if endpoint.replays.filter(ended_at=None).exists():
        raise ReplayRunning
    endpoints.tell(endpoint, "webhook.replayed", by, position=position)
    return endpoint.replays.create(next_position=position, until_position=last)


def prepare(outbox: Outbox) -> bool:
    """Prepare one batch of one replay; whether there is more to do. The sender calls it between its rounds."""
    with transaction.atomic():
        replay = Replay.objects.select_for_update(no_key=True, skip_locked=True).filter(ended_at=None).first()
        if replay is None:
            return False
        endpoint = lanes.locked(replay.endpoint_id)
        rows = Event.objects.filter(position__range=(replay.next_position, replay.until_position))
        events = [Heard(*row) for row in rows.order_by("position").values_list(*COLUMNS)[:REPLAY_BATCH]]
        for event in events:
            if event.type in outbox.hears and outbox.again(event, endpoint):
                replay.count += 1
        replay.next_position = events[-1].position + 1 if events else replay.until_position + 1
        if replay.next_position > replay.until_position:
            replay.ended_at = clock.now()
        replay.save(update_fields=["count", "next_position", "ended_at"])
    return True


def _first(message: Message) -> Message:
    """The first waiting message of its lane."""
    lane = Message.objects.filter(endpoint=message.endpoint_id, stream=message.stream, state=Message.State.WAITING)
    return lane.order_by("position", "id")[0]


def _close_circuit(endpoint: Endpoint) -> None:
    """Somebody says that the host is well again: it is believed once."""
    Circuit.objects.filter(host=endpoint.host).update(open_until=None)
