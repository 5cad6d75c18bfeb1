"""What the post office remembers, gathered for Django; each model lives beside the code that uses it."""

from notifications.log.models import Event, Leadership, ParkedEvent, ReaderCursor
from notifications.seal.models import Checkpoint, EventSeal, SealNode
from notifications.webhooks.models import Attempt, Circuit, Endpoint, Message, RegisteredHost, Replay

__all__ = [
    "Attempt",
    "Checkpoint",
    "Circuit",
    "Endpoint",
    "Event",
    "EventSeal",
    "Leadership",
    "Message",
    "ParkedEvent",
    "ReaderCursor",
    "RegisteredHost",
    "Replay",
    "SealNode",
]
