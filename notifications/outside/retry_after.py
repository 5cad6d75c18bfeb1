"""How long does an answer ask us to wait? Pure; whoever calls a server that is not ours asks."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 86_400  # seconds: a Retry-After beyond it is not believed
ASKS_TO_WAIT = frozenset({429, 503})


def seconds_asked(status: int | None, header: str, now: datetime) -> float | None:
    """The Retry-After of a 429 or 503 in seconds: a number, or a date (RFC 9110, 10.2.3). None when it says nothing."""
    text = header.strip()
    if status not in ASKS_TO_WAIT or not text:
        return None
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), LONGEST_WAIT))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, min((moment - now).total_seconds(), LONGEST_WAIT))
