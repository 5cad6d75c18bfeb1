"""What tracking does on hearing the log. Wired in config/events.py."""

from notifications.log import Heard, hears
from tracking.services import close_for_cancelled


@hears("order.cancelled")
def close_delivery(event: Heard) -> None:
    """A cancelled order leaves no rider riding; repeated, it changes nothing."""
    close_for_cancelled(event.ref)
