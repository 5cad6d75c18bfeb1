"""The log goes to Parquet exactly once: whatever dies, whenever, no position is missing and none comes twice."""

import os
import subprocess
import sys
from datetime import timedelta

import duckdb
import pytest
from django.db import IntegrityError, connection, transaction

from config.ground import clock
from config.local import places
from notifications.analytics import reading, tidying, writing
from notifications.analytics.models import AnalyticsFile, AnalyticsState
from notifications.analytics.turn import TurnLost, turn
from tests.notifications.export_world import (
    FACTS,
    START,
    exported,
    happen,
    lapse,
    live_names,
    names_in_folder,
    root,
    wanted,
)

pytestmark = pytest.mark.django_db(transaction=True)
DIED = 9


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    settings.ANALYTICS_URL = str(tmp_path / "export")
    settings.ANALYTICS_WORK = tmp_path / "work"


@pytest.fixture(scope="module")
def writer(django_db_setup):
    """A process that forks writers that die; one for all tests, because it takes a while to start."""
    database = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.notifications.export_process"],
        cwd=places.PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process
    process.stdin.close()
    process.wait(timeout=20)


@pytest.fixture
def mortal(writer, tmp_path):
    """`run("write", "put", "before", mutant)` ends there; says whether it did."""

    def run(*words):
        writer.stdin.write(f"{tmp_path} {' '.join(words)}\n")
        writer.stdin.flush()
        code = int(writer.stdout.readline())
        lapse()
        return code == DIED

    return run


def write(batch=40):
    return writing.write(FACTS, writing.the_store(), batch=batch, at_once=True)


def test_writes_every_event_of_an_order_once_by_the_day_it_happened():
    happen(100)
    assert write() == 100
    assert exported() == wanted()
    assert len(wanted()) == 86
    days = sorted({name.partition("/")[0] for name in live_names()})
    assert days == ["day=2026-11-20", "day=2026-11-21"]  # the range that spans midnight is in both
    for name in live_names():
        (day,) = duckdb.execute(
            "SELECT DISTINCT strftime(timezone('UTC', happened_at), 'day=%Y-%m-%d') FROM read_parquet(?)",
            [str(root() / name)],
        ).fetchone()
        assert name.startswith(day)
    assert write() == 0
    happen(5)
    assert write() == 5
    assert exported() == wanted()


STEPS = [
    ("claim", "before"), ("claim", "inside"), ("claim", "after"), ("events", "after"), ("write_days", "after"),
    ("put", "before"), ("put", "after"), ("settle", "before"), ("settle", "inside"), ("settle", "after"),
]  # fmt: skip


def test_a_writer_that_dies_anywhere_loses_and_doubles_nothing(mortal):
    happen(130)
    for step, moment in STEPS:
        assert mortal("write", step, moment), (step, moment)
        happen(7)
        read = exported()
        assert read == wanted()[: len(read)]  # at no moment does a reader see a gap or a row twice
    assert not mortal("write", "none", "none")
    assert exported() == wanted()
    assert names_in_folder() == live_names()  # nothing half-made or written under another name is left


@pytest.mark.parametrize(
    ("mutant", "step", "moment"), [("counts-before-stored", "put", "before"), ("forgets-its-claim", "put", "after")]
)
def test_a_writer_with_a_planted_bug_is_caught(mortal, mutant, step, moment):
    happen(30)
    assert mortal("write", step, moment, mutant)
    happen(30)
    mortal("write", "none", "none", mutant)
    try:
        fits = exported() == wanted() and names_in_folder() == live_names()
    except duckdb.IOException:
        fits = False
    assert not fits


def test_the_database_lets_no_position_count_twice():
    happen(20)
    write()
    file = AnalyticsFile.objects.first()
    for first, last in [(file.last, file.last + 9), (1, 500)]:
        with pytest.raises(IntegrityError), transaction.atomic():
            AnalyticsFile.objects.create(name=f"{first}-{last}", day=file.day, first=first, last=last, rows=1, bytes=1)
    AnalyticsFile.objects.create(name="next", day=file.day, first=file.last + 1, last=500, rows=1, bytes=1)


def test_one_writes_at_a_time_and_whoever_slept_through_its_turn_changes_nothing():
    happen(30)
    with turn() as mine:
        assert write() == 0
        wanted_range = writing.claim(mine, 40)
        AnalyticsState.objects.update(held_until=clock.now() - timedelta(seconds=1))
        with pytest.raises(TurnLost):
            writing.settle(mine, wanted_range, {})
        assert write() == 30
    assert exported() == wanted()
    assert AnalyticsState.objects.get().tries == 0


def test_says_until_when_nothing_is_missing():
    happen(30)
    write(batch=10)
    before = clock.now()
    assert before - timedelta(seconds=5) < reading.complete_until() <= before
    happen(1, start=START)  # numbered, not written: nothing new is promised
    said = reading.complete_until()
    AnalyticsState.objects.update(complete_until=None)
    with turn() as mine:
        writing.claim(mine, 40)
    assert reading.complete_until() is None
    assert write() == 1
    assert reading.complete_until() > said


def merge_all(monkeypatch, day):
    monkeypatch.setattr(tidying.clock, "now", lambda: day)
    return tidying.tidy(FACTS, writing.the_store(), at_once=True)


def test_a_day_that_is_over_becomes_one_file_and_the_parts_go_later(monkeypatch):
    happen(100)
    write(batch=20)
    rows = exported()
    merged = merge_all(monkeypatch, START + timedelta(days=2))
    assert merged.merged == 5
    assert [name.partition("/")[0] for name in live_names()] == ["day=2026-11-20", "day=2026-11-21"]
    assert exported() == rows == wanted()
    assert len(names_in_folder()) == 7  # whoever still reads the parts can do so
    AnalyticsFile.objects.exclude(replaced_at=None).update(replaced_at=START)
    assert merge_all(monkeypatch, START + timedelta(days=2)).deleted == 5
    assert names_in_folder() == live_names()


def test_a_running_day_is_merged_in_steps(monkeypatch):
    monkeypatch.setattr(tidying, "ENOUGH", 3)
    happen(63, apart=timedelta(seconds=1))
    for _round in range(4):
        write(batch=5)
        merge_all(monkeypatch, START)
    assert exported() == wanted()
    assert max(AnalyticsFile.objects.values_list("level", flat=True)) == 2
    assert len(live_names()) < 7


def test_old_days_are_forgotten(monkeypatch):
    happen(100)
    write()
    monkeypatch.setattr(tidying.clock, "now", lambda: START + timedelta(days=3, minutes=30))
    tidying.tidy(FACTS, writing.the_store(), keep_days=3, at_once=True)
    assert {name.partition("/")[0] for name in live_names()} == {"day=2026-11-21"}


@pytest.mark.parametrize(
    ("step", "moment"),
    [("merge", "after"), ("put", "before"), ("put", "after"), ("switch", "inside"), ("switch", "after"),
     ("delete", "after")],
)  # fmt: skip
def test_a_merge_that_dies_anywhere_loses_and_doubles_nothing(mortal, step, moment):
    happen(60)
    write(batch=20)
    AnalyticsFile.objects.create(name="gone", day=START.date(), first=900, last=901, rows=1, bytes=1, replaced_at=START)
    assert mortal("tidy", step, moment)
    assert exported() == wanted()
    assert not mortal("tidy", "none", "none")
    assert exported() == wanted()
    assert len(live_names()) == 2


def test_a_merge_that_deletes_first_is_caught(mortal):
    happen(60)
    write(batch=20)
    assert mortal("tidy", "switch", "inside", "deletes-before-switching")
    with pytest.raises(duckdb.IOException):
        exported()
