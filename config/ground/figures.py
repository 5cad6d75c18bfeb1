"""Figures in words, the same on pages, in frames, letters and refusals: amounts, clock times, windows, ages."""

from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

SIGNS = {"CNY": "¥"}
MINUS = "−"
EN_DASH = "–"


def money(amount_minor: int, currency: str = "CNY") -> str:
    """`8400` → `¥84.00`, `-3200` → `−¥32.00`. Minor units in, never a float."""
    whole, rest = divmod(abs(amount_minor), 100)
    sign = SIGNS.get(currency, f"{currency} ")
    return f"{MINUS if amount_minor < 0 else ''}{sign}{whole}.{rest:02d}"


def decimal(amount_minor: int) -> str:
    """`8400` → `84.00`, `-50` → `-0.50`: the form of gateways, files and the public API."""
    whole, rest = divmod(abs(amount_minor), 100)
    return f"{'-' if amount_minor < 0 else ''}{whole}.{rest:02d}"


def as_zone(zone: str | tzinfo) -> tzinfo:
    """Find a zone by its name; a zone stays itself."""
    return ZoneInfo(zone) if isinstance(zone, str) else zone


def clock_time(at: datetime, zone: str | tzinfo, *, seconds: bool = False) -> str:
    """`18:42` in `zone`; with seconds only where seconds matter (paying, late payments, staff)."""
    return at.astimezone(as_zone(zone)).strftime("%H:%M:%S" if seconds else "%H:%M")


def window(early: datetime, late: datetime, zone: str | tzinfo) -> str:
    """`18:42–18:50`: rounded outwards to the minute and never a single minute."""
    first = early.replace(second=0, microsecond=0)
    last = late.replace(second=0, microsecond=0)
    if last < late or last <= first:
        last += timedelta(minutes=1)
    return f"{clock_time(first, zone)}{EN_DASH}{clock_time(last, zone)}"


def span(seconds: float) -> str:
    """Time left as `4:07`, or `1:04:07` from an hour on; never negative."""
    left = max(0, int(seconds))
    minutes, rest = divmod(left, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
