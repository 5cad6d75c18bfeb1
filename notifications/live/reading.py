"""What a subscriber missed, read from PostgreSQL: the events of a short gap, else the whole state."""

from dataclasses import dataclass

from django.db.models import Max, Q

from config.ground import clock
from notifications.live.protocol import After, say
from notifications.live.topics import Topic
from notifications.log import frames
from notifications.log.models import Event

FAR = 1_000  # positions behind which nobody looks whether a topic was quiet: the whole state is cheaper
NEAR = 50  # missed events up to which each is sent; they must fit into a connection's queue
COLUMNS = ("position", "stream", "version", "type", "data", "only", "topics", "at")


@dataclass(frozen=True, slots=True)
class Reading:
    """Frames to send now. Afterwards the subscriber has `version` (replay) and everything up to `position`."""

    texts: tuple[str, ...]
    version: int
    position: int


def read(topic: Topic, name: str, ref: str, role: str, after: After) -> Reading:
    """Read what `role` must be sent to be level with the log; `after` is what it has.

    The position is read first: whatever commits in between is in the snapshot and comes as a frame as well,
    and a merge patch applied twice changes nothing. The other way round it would be lost.
    """
    head = Event.objects.aggregate(last=Max("position"))["last"] or 0
    if topic.replay:
        version = after.version if after.position is None else _version_at(name, after.position, head)
        missed = _missed(name, role, version, head) if version else None
        if missed is not None:
            return missed
    elif after.position is not None and _is_quiet(name, after.position, head):
        return Reading((), 0, head)
    version, data = topic.snapshot(ref, role)
    text = say("snapshot", topic=name, version=version, position=head, at=clock.now(), data=data)
    return Reading((text,), version, head)


def _version_at(name: str, position: int, head: int) -> int:
    """The version that a stream had at a position; 0 when that is of another log, or before the stream began."""
    if position > head:
        return 0
    known = Event.objects.filter(stream=name, position__lte=position)
    return known.aggregate(last=Max("version"))["last"] or 0


def _is_quiet(name: str, position: int, head: int) -> bool:
    """Whether nothing has happened on a topic since a position that is not far behind."""
    if not head - FAR <= position <= head:
        return False
    news = Event.objects.filter(Q(stream=name) | Q(topics__contains=[name]), position__gt=position)
    return not news.exists()


def _missed(name: str, role: str, after: int, head: int) -> Reading | None:
    """Read the events after version `after`; None when they are too many or `after` is of another log.

    The stream is then known up to `head`, which was read before, however long it has been quiet.
    """
    rows = Event.objects.filter(stream=name, version__gte=after).order_by("version").values_list(*COLUMNS)
    events = [frames.Numbered(*row) for row in rows[: NEAR + 2]]
    if len(events) == NEAR + 2 or not events or events[0].version != after:
        return None
    version, position, texts = after, head, []
    for event in events:
        if event.position is None:
            break  # committed but not numbered yet: the hub brings it when it is
        position = max(position, event.position)
        if event.version > after:
            version = event.version
            texts.append(frames.with_topic(name, frames.body(event, event.as_seen_by(role))).decode())
    return Reading(tuple(texts), version, position)
