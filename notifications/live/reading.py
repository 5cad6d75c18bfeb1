"""What a subscriber missed, read from PostgreSQL: the events of a short gap, else the whole state."""

from dataclasses import dataclass

from django.db.models import Max

from config.ground import clock
from notifications.live.protocol import say
from notifications.live.topics import Topic
from notifications.log import frames
from notifications.log.models import Event

NEAR = 50  # missed events up to which each is sent; they must fit into a connection's queue
COLUMNS = ("position", "stream", "version", "type", "data", "only", "topics", "at")


@dataclass(frozen=True, slots=True)
class Reading:
    """Frames to send now. Afterwards the subscriber has `version` (replay) and everything up to `position`."""

    texts: tuple[str, ...]
    version: int
    position: int


def read(topic: Topic, name: str, ref: str, role: str, after: int) -> Reading:
    """Read what `role` must be sent to be level with the log; `after` is the version it has, 0 for nothing yet.

    The position is read first: whatever commits in between is in the snapshot and comes as a frame as well,
    and a merge patch applied twice changes nothing. The other way round it would be lost.
    """
    if topic.replay and after:
        missed = _missed(name, role, after)
        if missed is not None:
            return missed
    position = Event.objects.aggregate(last=Max("position"))["last"] or 0
    version, data = topic.snapshot(ref, role)
    text = say("snapshot", topic=name, version=version, position=position, at=clock.now(), data=data)
    return Reading((text,), version, position)


def _missed(name: str, role: str, after: int) -> Reading | None:
    """Read the events after version `after`; None when they are too many or `after` is of another log."""
    rows = Event.objects.filter(stream=name, version__gte=after).order_by("version").values_list(*COLUMNS)
    events = [frames.Numbered(*row) for row in rows[: NEAR + 2]]
    if len(events) == NEAR + 2 or not events or events[0].version != after:
        return None
    version, position, texts = after, 0, []
    for event in events:
        if event.position is None:
            break  # committed but not numbered yet: the hub brings it when it is
        position = event.position
        if event.version > after:
            version = event.version
            texts.append(frames.with_topic(name, frames.body(event, event.as_seen_by(role))).decode())
    return Reading(tuple(texts), version, position)
