"""The clock's tasks: each may run twice, at once, late or never, and no setting undermines that."""

import re
from pathlib import Path

import pytest
from celery.schedules import crontab

from config.celery import BEAT, app
from config.local import table

ROOT = Path(__file__).resolve().parents[2]
QUEUES = {"clock", "money", "slow"}


def tasks():
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_a_task_is_given_back_when_its_worker_dies():
    assert (app.conf.task_acks_late, app.conf.task_reject_on_worker_lost) == (True, True)
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.task_ignore_result is True


def test_no_running_task_is_handed_out_a_second_time():
    """With a Redis broker a task that runs longer than the visibility timeout is delivered again."""
    options = app.conf.broker_transport_options
    visible = options["visibility_timeout"]
    for name, task in tasks().items():
        hard = task.time_limit or app.conf.task_time_limit
        soft = task.soft_time_limit or app.conf.task_soft_time_limit
        assert soft < hard < visible, name
    assert (options["unacked_restore_interval"], options["unacked_restore_throttle"]) == (5, 1)


def test_a_worker_ends_softly_and_the_zone_is_named():
    assert app.conf.worker_soft_shutdown_timeout > 0
    assert app.conf.timezone


@pytest.mark.parametrize("name", BEAT)
def test_a_late_run_is_dropped_before_the_next_one(name):
    beat, entry = BEAT[name], app.conf.beat_schedule[name]
    assert beat.task in tasks()
    interval = beat.every if isinstance(beat.every, int | float) else 3600
    assert isinstance(beat.every, int | float | crontab)
    assert 0 < entry["options"]["expires"] <= interval
    assert entry["options"]["queue"] in QUEUES


def test_deadlines_wait_for_no_gateway():
    """What talks to gateways has a worker of its own, and the hourly check another."""
    queue = {beat.task: beat.queue for beat in BEAT.values()}
    assert queue["payments.tasks.expire_unpaid"] == "clock"
    assert {queue[f"payments.tasks.{name}"] for name in ("sync_attempts", "push_refunds", "apply_unapplied")} == {
        "money"
    }
    assert queue["payments.tasks.reconcile"] == "slow"


def test_every_queue_has_a_worker(tmp_path):
    plan = table.Plan(tmp_path, tmp_path, "127.0.0.1", 1, 2, 3, "given", "given")
    words = [" ".join(program.words) for program in table.application(plan)]
    for queue in QUEUES:
        assert any(f"--queues {queue} " in line for line in words), queue


def test_nothing_is_put_off_by_the_broker():
    """`eta` and `countdown` with a Redis broker run a task several times."""
    found = [
        str(path.relative_to(ROOT))
        for app_name in ("orders", "payments", "tracking", "notifications", "config")
        for path in (ROOT / app_name).rglob("*.py")
        if re.search(r"\b(apply_async|send_task|signature)\([^)]*\b(eta|countdown)=", path.read_text())
    ]
    assert found == []
