"""What three hundred people will do: one script per order, drawn from a seed. Pure: no clock, no network.

street.py acts the scripts out. The first orders of every plan (shuffled) act out each scene once, so that a short soak
meets all of them; the others are drawn by weight.
"""

import itertools
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from tests.soak.scenes import FORMS, SCENES, Draw, Step

GAP: Final = 3.0  # seconds between two orders
CRASH: Final = 0.10  # of the orders: whoever records their money dies before applying it
RARE: Final = 2  # keys in a pool that one order wants whole
TRADES: Final = ("MEAL", "GROCERY", "DIGITAL")
ENCORE: Final = (  # scenes in which every fault can strike
    "pays",
    "pays, then cancels",
    "pays after an acknowledged close",
    "pays another amount",
    "its reserved keys are spoilt",
    "pays late, and nobody says so",
    "the gateway's console gives some back",
    "pays, then cancels",
)


@dataclass(frozen=True)
class Script:
    """One order: what is bought, how it is to be paid, and everything that happens to it."""

    index: int
    scene: str
    trade: str
    channel: str
    form: str
    quantity: int
    places_at: float
    steps: tuple[Step, ...] = ()
    crashes: bool = False  # between the two transactions, once
    rare: int = -1  # it wants all keys of this pool, so that none can take the place of a spoilt one


def draw_plan(orders: int, seed: int, scenes: Collection[str] = SCENES) -> list[Script]:
    """Write so many scripts of these scenes; the same seed writes the same ones."""
    dice = random.Random(f"soak:{seed}")
    names = [*scenes, *dice.choices([*scenes], [SCENES[name].weight for name in scenes], k=orders)][:orders]
    dice.shuffle(names)
    return _scripts(names, dice, 0, GAP, itertools.count())


def draw_encore(seed: int, number: int, after: list[Script], now: float) -> list[Script]:
    """A few more scripts for what has not struck by the end of a plan; its rare pools are the next ones."""
    dice = random.Random(f"soak:{seed}:{number}")
    rare = itertools.count(sum(script.rare >= 0 for script in after))
    scripts = _scripts(list(ENCORE), dice, len(after), 1.0, rare)
    return [
        replace(script, places_at=script.places_at + now, crashes=index < 2) for index, script in enumerate(scripts)
    ]


def _scripts(names: list[str], dice: random.Random, first: int, gap: float, rare: Iterator[int]) -> list[Script]:
    return [_script(first + n, round(n * gap, 2), name, dice, rare) for n, name in enumerate(names)]


def _script(index: int, places_at: float, name: str, dice: random.Random, rare: Iterator[int]) -> Script:
    scene = SCENES[name]
    channel = dice.choice(("WECHAT", "ALIPAY"))
    draw = Draw(dice, channel, dice.choice(FORMS[channel]))
    scene.write(draw)
    return Script(
        index=index,
        scene=name,
        trade=scene.trade or dice.choice(TRADES),
        channel=scene.channel or channel,
        form=draw.form,
        quantity=RARE if scene.wants_the_last_keys else dice.randint(1, 3),
        places_at=places_at,
        steps=tuple(draw.steps),
        crashes=scene.always_crashes or dice.random() < CRASH,
        rare=next(rare) if scene.wants_the_last_keys else -1,
    )
