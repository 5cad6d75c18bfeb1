"""What the post office remembers, gathered for Django; each model lives beside the code that uses it."""

from notifications.analytics.models import AnalyticsFile, AnalyticsState
from notifications.letters.models import Consent, Letter, LetterAttempt, Preferences, PushSubscription
from notifications.log.models import Event, Leadership, ParkedEvent, ReaderCursor
from notifications.seal.models import Checkpoint, EventSeal, SealNode
from notifications.webhooks.models import Attempt, Circuit, Endpoint, Message, RegisteredHost, Replay

__all__ = [
    "AnalyticsFile",
    "AnalyticsState",
    "Attempt",
    "Checkpoint",
    "Circuit",
    "Consent",
    "Endpoint",
    "Event",
    "EventSeal",
    "Leadership",
    "Letter",
    "LetterAttempt",
    "Message",
    "ParkedEvent",
    "Preferences",
    "PushSubscription",
    "ReaderCursor",
    "RegisteredHost",
    "Replay",
    "SealNode",
]
