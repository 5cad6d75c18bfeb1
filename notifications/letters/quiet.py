"""Until when do quiet hours hold a letter back? Pure; preferences and sender ask."""

from datetime import UTC, datetime, time, timedelta, tzinfo


def held_until(at: datetime, begin: time, end: time, zone: tzinfo) -> datetime:
    """`at` itself outside the quiet hours, else the moment they end, both aware; `begin` = `end` means none.

    Told by the wall clock of `zone`: hours that begin in the evening end on the next day, an end that the clock
    skips in spring comes when it has skipped, and one that comes twice in autumn counts when it is past for good.
    """
    local = at.astimezone(zone)
    if not _is_quiet(local.time(), begin, end):
        return at
    day = local.date()
    if local.time() >= end:  # before midnight: they end tomorrow
        day += timedelta(days=1)
    ends = datetime.combine(day, end, tzinfo=zone)
    return max(ends.astimezone(UTC), ends.replace(fold=1).astimezone(UTC))


def _is_quiet(now: time, begin: time, end: time) -> bool:
    if begin <= end:
        return begin <= now < end
    return now >= begin or now < end
