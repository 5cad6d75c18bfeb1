"""What the house does with the loaded product: furnish it for a soak, run the clock's tasks, read the gateways' bills.

Only house.py and audit.py import this, after Django was set up.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from django.db import close_old_connections

from config import wsgi
from config.celery import BEAT, Beat, app
from config.ground import clock
from payments import reconcile, settle
from payments.gateways import GATEWAYS, accounts
from payments.gateways.alipay import Alipay
from payments.gateways.wechat import Wechat
from payments.models import Attempt
from tests.soak import mutants, town
from tests.soak.ticking import Ticking

IDLE = 0.01  # seconds between two looks at the table
FREQUENT = 60.0  # seconds; tasks with longer pauses do not count for a round

logger = logging.getLogger(__name__)
application = wsgi.application
settle_town = town.settle


def furnish(orders: Any, folder: Path, die: Callable[[], None]) -> None:
    """Short patience with the gateways, the ordered crashes, and the mutant, if any.

    The bills are left to the audit (audit.py): what they repair would hide what the rest of the product lets slip.
    """
    del reconcile.PASSES["bills"]
    GATEWAYS["WECHAT"] = Wechat(accounts.wechat, tuple(orders.patience))
    GATEWAYS["ALIPAY"] = Alipay(accounts.alipay, tuple(orders.patience))
    for channel in ("WECHAT", "ALIPAY"):
        GATEWAYS[channel]._breaker._rest = orders.rest
    if orders.mutant:
        mutants.MUTANTS[orders.mutant].apply()
    settle.apply = _dying(settle.apply, folder / "crashes", die)


def _dying(apply: Callable[[str], Attempt], marked: Path, die: Callable[[], None]) -> Callable[[str], Attempt]:
    """`apply`, but for a marked order the process ends instead, once."""

    def apply_or_die(attempt_id: str) -> Attempt:
        order_id = Attempt.objects.values_list("order__public_id", flat=True).get(public_id=attempt_id)
        try:
            (marked / order_id).unlink()
        except FileNotFoundError:
            return apply(attempt_id)
        die()
        raise AssertionError

    return apply_or_die


def queues() -> list[str]:
    """The queues of the table; each gets a worker of its own, as on one machine."""
    return sorted({beat.queue for beat in BEAT.values()})


def work(queue: str, ticking: Ticking) -> None:
    """Be the worker of one queue: run each of its tasks whenever the table says, in the soak's time."""
    app.loader.import_default_modules()  # the tasks, as a worker's start does
    table = {name: beat for name, beat in BEAT.items() if beat.queue == queue}
    often = {name for name, beat in table.items() if not isinstance(beat.every, crontab) and beat.every <= FREQUENT}
    place = queues().index(queue)
    last: dict[str, datetime] = dict.fromkeys(table, clock.now() - timedelta(hours=1))
    missing = set(often)
    while True:
        for name, beat in table.items():
            if not _is_due(beat, last[name]):
                continue
            last[name] = clock.now()
            _run(beat.task)
            missing.discard(name)
        if not missing:
            ticking.went_round(place)
            missing = set(often)
        time.sleep(IDLE)


def _is_due(beat: Beat, last: datetime) -> bool:
    if isinstance(beat.every, crontab):
        beat.every.nowfun = clock.now
        return bool(beat.every.is_due(last).is_due)
    return clock.now() - last >= timedelta(seconds=beat.every)


def _run(task: str) -> None:
    """One run; as in a worker, an error is logged and the next run comes anyway."""
    try:
        app.tasks[task]()
    except Exception:
        logger.exception("task %s", task)
        close_old_connections()
