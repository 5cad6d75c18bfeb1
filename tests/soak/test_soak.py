"""A short soak passes; the same soak of a product with one behaviour taken away does not, and says what broke."""

from collections.abc import Iterator

import pytest

from tests.soak.__main__ import NAMES
from tests.soak.mutants import MUTANTS
from tests.soak.plan import draw_plan
from tests.soak.play import soak
from tests.soak.scenes import SCENES
from tests.soak.stage import Stage

ORDERS, SEED = len(SCENES), 1  # every scene once; what has not struck then is provoked
FEWER = 6  # for a mutant, of the scenes in which it shows
MUST_DIE = ("ignore_late_notice", "no_active_query", "no_hourly_repair", "amount_not_compared", "closed_terminal")

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("soak")) as stage:
        yield stage


def test_the_books_are_right_when_everything_has_failed(stage):
    """Every fault struck, every proof holds, before and after the gateways' bills."""
    outcome = soak(stage, orders=ORDERS, seed=SEED, say=print)
    assert outcome.failures == [], outcome.table()
    assert all(fault.times for fault in outcome.faults)
    assert {"each trade agrees", "the bills equal our records"} <= {finding.name for finding in outcome.findings}


@pytest.mark.parametrize("name", MUST_DIE)
def test_a_product_without_this_is_found_out(stage, name):
    """The proof that breaks is the one that the mutant's table names."""
    outcome = soak(stage, orders=FEWER, seed=SEED, mutant=name, scenes=MUTANTS[name].shows_when, say=print)
    assert MUTANTS[name].killed_by & set(outcome.proofs_that_broke), outcome.table()


def test_the_command_line_knows_every_mutant():
    assert set(NAMES) == set(MUTANTS) >= set(MUST_DIE)


def test_a_plan_follows_from_its_seed_and_has_every_scene():
    assert draw_plan(ORDERS, SEED) == draw_plan(ORDERS, SEED) != draw_plan(ORDERS, SEED + 1)
    assert {script.scene for script in draw_plan(ORDERS, SEED)} == set(SCENES)
