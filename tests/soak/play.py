"""One soak on an open stage: __main__.py and test_soak.py call it."""

from collections.abc import Callable, Collection

from tests.soak import driver
from tests.soak.outcome import Outcome
from tests.soak.plan import RARE, draw_plan
from tests.soak.scenes import SCENES
from tests.soak.stage import Stage, Wanted

PATIENCE = (0.5, 1.0)  # seconds our adapters wait to connect and to be answered, instead of (2, 5)
REST = 0.5  # seconds a channel rests after failures in a row, instead of 10
SPARE = tuple([RARE] * driver.ENCORES)  # rare pools for encores


def soak(
    stage: Stage,
    *,
    orders: int,
    seed: int,
    mutant: str = "",
    scenes: Collection[str] = SCENES,
    say: Callable[[str], None],
) -> Outcome:
    """Play so many orders of this seed; the plan and the faults follow from it."""
    plan = draw_plan(orders, seed, scenes)
    keys = sum(script.quantity for script in plan if script.trade == "DIGITAL" and script.rare < 0)
    rare = tuple(script.quantity for script in plan if script.rare >= 0)
    wanted = Wanted(seed, max(6, keys // 2), rare + SPARE, PATIENCE, REST, mutant)
    name = f"seed {seed}{', ' * bool(mutant)}{mutant}"
    say(f"{name}: {orders} orders")
    with stage.set_up(wanted) as ready:
        return driver.play(ready, name, seed, plan, say, PATIENCE[1], encores=0 if mutant else driver.ENCORES)
