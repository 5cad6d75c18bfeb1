"""Whose turn is it? One writer at a time, by a lease in the row of the export; a dead writer's lease runs out."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from config.ground import clock
from notifications.analytics.models import AnalyticsState

HELD = timedelta(seconds=120)  # longer than any step takes; a step that does take longer loses its turn, not its rows
PAUSES = (10, 30, 60, 120, 300)  # seconds after a failure; the last one repeats

logger = logging.getLogger(__name__)


class TurnLost(Exception):
    """The lease ran out and somebody else writes now; whatever was stored is stored under the name that they use."""


class Turn:
    """The right to write; each step asks for it again."""

    def __init__(self, holder: str) -> None:
        self.holder = holder

    def state(self) -> AnalyticsState:
        """The locked row, the lease made longer; inside a transaction. Raises TurnLost."""
        now = clock.of_the_database()
        mine = AnalyticsState.objects.select_for_update(no_key=True).filter(holder=self.holder, held_until__gt=now)
        state = mine.first()
        if state is None:
            raise TurnLost
        state.held_until = now + HELD
        state.save(update_fields=["held_until"])
        return state


@contextmanager
def turn(*, at_once: bool = False) -> Iterator[Turn | None]:
    """Take the turn, or None while another writes or the pause after a failure lasts (unless `at_once`).

    Any error ends the turn, is noted with the time of the next try, and goes on to the caller.
    """
    mine = _take(at_once=at_once)
    if mine is None:
        yield None
        return
    try:
        yield mine
    except TurnLost:
        raise
    except Exception as error:
        _failed(mine, error)
        raise
    else:
        _give_back(mine, tries=0, error="", next_try_at=None)


def row() -> AnalyticsState:
    """The row of the export, made when it is not there yet."""
    return AnalyticsState.objects.get_or_create(name="export")[0]


def _take(*, at_once: bool) -> Turn | None:
    row()
    now, holder = clock.of_the_database(), secrets.token_hex(16)
    free = AnalyticsState.objects.filter(Q(held_until=None) | Q(held_until__lte=now))
    if not at_once:
        free = free.filter(Q(next_try_at=None) | Q(next_try_at__lte=now))
    return Turn(holder) if free.update(holder=holder, held_until=now + HELD) else None


def _failed(mine: Turn, error: Exception) -> None:
    with transaction.atomic():
        state = AnalyticsState.objects.filter(holder=mine.holder).first()
        tries = state.tries + 1 if state else 1
    pause = timedelta(seconds=PAUSES[min(tries, len(PAUSES)) - 1])
    said = f"{type(error).__name__}: {error}"[:500]
    _give_back(mine, tries=tries, error=said, next_try_at=clock.of_the_database() + pause)


def _give_back(mine: Turn, **noted: Any) -> None:
    AnalyticsState.objects.filter(holder=mine.holder).update(holder="", held_until=None, **noted)
