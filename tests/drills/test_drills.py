"""A short drill of real processes passes; `python -m tests.drills relay --mutant mark_before_send` must not."""

import pytest

from tests.drills.__main__ import MUTANTS as NAMES
from tests.drills.driver import relay_drill
from tests.drills.mutants import MUTANTS

KILLS, SEED = 8, 3
OTHERS = ("frozen leader", "postgres killed", "redis killed")

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_nothing_is_lost_twice_or_inverted_though_relays_are_killed(tmp_path):
    """Eight kills, aimed ones among them, a leader frozen and woken, a PostgreSQL and a Redis killed."""
    outcome = relay_drill(tmp_path / "drill", kills=KILLS, seed=SEED, others=OTHERS)
    assert outcome.broken == [], outcome.table()
    assert outcome.kills == KILLS
    assert outcome.happened["aimed kill"] + outcome.happened["aimed half"] > 0
    assert set(OTHERS) <= set(outcome.happened)
    assert outcome.events > 60


def test_the_command_line_knows_every_mutant():
    assert set(NAMES) == set(MUTANTS)
