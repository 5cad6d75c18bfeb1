"""What readers could not handle, for people: how far each reader is, what it parked and why, again, or never.

Admin asks; readers.py parks and tries. Only the first waiting event of a stream was tried; those behind it wait for it.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext_lazy as _

from config.ground import clock
from config.ground.problems import Refusal
from notifications.log.models import Event, ParkedEvent, ReaderCursor


class NotParked(Refusal):
    """It was handled meanwhile, or it waits behind another one."""

    code = "not_parked"
    status = 409
    message = _("Not done: this event is not the first one that waits in its stream any more. Look again and decide.")


@dataclass(frozen=True)
class Standing:
    """One reader: `behind` events to read, `events` of `streams` streams parked, `error` of the oldest of them."""

    cursor: ReaderCursor
    behind: int
    streams: int
    events: int
    error: str

    @property
    def name(self) -> str:
        """As config/events.py has it."""
        return self.cursor.name


def standing(cursor: ReaderCursor) -> Standing:
    """How far a reader is."""
    last = Event.objects.aggregate(last=Max("position"))["last"] or 0
    waiting = ParkedEvent.objects.filter(reader=cursor.name, resolved_at=None)
    first = heads(cursor.name).first()
    return Standing(
        cursor=cursor,
        behind=max(0, last - cursor.position),
        streams=waiting.values("stream").distinct().count(),
        events=waiting.count(),
        error=first.error if first else "",
    )


def heads(reader: str) -> QuerySet[ParkedEvent]:
    """The parked events that hold up their streams, the oldest first."""
    firsts = ParkedEvent.objects.filter(reader=reader, resolved_at=None).order_by("stream", "position")
    return ParkedEvent.objects.filter(pk__in=firsts.distinct("stream").values("pk")).order_by("position")


def retry(reader: str, stream: str = "") -> int:
    """Make one stream due, or all of a reader; the relay tries each within a second, in order. How many streams."""
    waiting = ParkedEvent.objects.filter(reader=reader, resolved_at=None)
    if stream:
        waiting = waiting.filter(stream=stream)
    count = waiting.values("stream").distinct().count()
    if stream and not count:
        raise NotParked
    waiting.update(next_try_at=clock.now())
    return count


@transaction.atomic
def skip(reader: str, position: int) -> ParkedEvent:
    """Pass over the event that holds up its stream without handling it; those behind it are tried at once.

    The cursor's lock first, as in readers.py: nothing is tried meanwhile. Raises NotParked.
    """
    ReaderCursor.objects.select_for_update(no_key=True).filter(name=reader).exists()
    parked = heads(reader).filter(position=position).first()
    if parked is None:
        raise NotParked
    parked.is_skipped, parked.resolved_at = True, clock.now()
    parked.save(update_fields=["is_skipped", "resolved_at"])
    behind = ParkedEvent.objects.filter(reader=reader, stream=parked.stream, resolved_at=None)
    behind.update(next_try_at=clock.now())
    return parked
