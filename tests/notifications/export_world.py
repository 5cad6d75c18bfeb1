"""Events to export, what a test's rows say of them, and an oracle that reads the files without any code of ours."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from django.conf import settings
from django.db import connection, transaction

from notifications import log
from notifications.analytics.facts import Facts
from notifications.analytics.models import AnalyticsFile, AnalyticsState
from notifications.log.leadership import PostgresBook
from notifications.models import Event

START = datetime(2026, 11, 20, 23, 50, tzinfo=UTC)


def rows(events):
    """A row for each event of an order; every seventh event is none of an order's."""
    return [
        {"shop_id": f"res_{event.version % 3}", "amount_minor": event.data["n"], "data": dict(event.data)}
        if event.stream.startswith("order/")
        else None
        for event in events
    ]


FACTS = Facts({"shop_id": "VARCHAR", "amount_minor": "BIGINT", "data": "JSON"}, rows, ("shop_id", "position"))


def happen(count, *, apart=timedelta(minutes=1), start=START):
    """Commit so many numbered events, one every minute from ten minutes before a midnight on."""
    known = Event.objects.count()
    with transaction.atomic():
        for number in range(known, known + count):
            stream = "shop/res_1" if number % 7 == 6 else f"order/ord_{number % 5}"
            log.append(log.Envelope(stream, number + 1, "thing.happened", {"n": number}))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # the log does not let its times be moved
        cursor.execute(
            "UPDATE notifications_event SET at = %s + id_rank * %s FROM (SELECT id AS this, row_number() OVER "
            "(ORDER BY id) - 1 AS id_rank FROM notifications_event) AS r WHERE this = id AND position IS NULL",
            [start, apart],
        )
    number_all()


def number_all():
    """Give every event its position."""
    book = PostgresBook()
    try:
        assert book.lead() is not None
        while book.number(1_000):
            pass
    finally:
        book.let_go()


def root():
    return Path(settings.ANALYTICS_URL)


def exported(folder=None):
    """(position, amount) of every row in files that count, by DuckDB alone."""
    paths = [str((folder or root()) / name) for name in live_names()]
    if not paths:
        return []
    return duckdb.execute(
        "SELECT position, amount_minor FROM read_parquet(?, hive_partitioning=false) ORDER BY position", [paths]
    ).fetchall()


def wanted():
    """(position, amount) of every event that has a row."""
    found = Event.objects.filter(stream__startswith="order/", position__isnull=False).order_by("position")
    return list(found.values_list("position", "data__n"))


def live_names():
    return sorted(AnalyticsFile.objects.filter(replaced_at=None).values_list("name", flat=True))


def names_in_folder():
    return sorted(
        path.relative_to(root()).as_posix() for path in root().glob("day=*/*") if not path.name.startswith(".")
    )


def lapse():
    """Let a dead writer's lease run out, and the pause after a failure, as minutes do."""
    AnalyticsState.objects.update(held_until=None, next_try_at=None)
