"""What the post office remembers, gathered for Django; each model lives beside the code that uses it."""

from notifications.log.models import Event, Leadership, ParkedEvent, ReaderCursor
from notifications.webhooks.models import RegisteredHost

__all__ = ["Event", "Leadership", "ParkedEvent", "ReaderCursor", "RegisteredHost"]
