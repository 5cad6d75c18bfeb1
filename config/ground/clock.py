"""What time is it? One seam, so that tests can freeze it."""

from datetime import UTC, datetime, timedelta

from django.db import connection


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(tz=UTC)


def of_the_database() -> datetime:
    """The present moment by the clock that all processes share: for deadlines on which they must agree."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def minutes(count: float) -> timedelta:
    """A span of `count` minutes."""
    return timedelta(minutes=count)
