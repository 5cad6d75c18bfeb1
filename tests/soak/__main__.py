"""`python -m tests.soak`: hundreds of orders through both gateways while everything that can fail does.

What it is
    Three shops, their buyers, a simulator of WeChat Pay and Alipay that loses, repeats, delays and forges, and a house:
    real server processes with the whole product in them, which die in the worst moment and come back. When everything
    has come to rest, and a night has passed, the books must be right to the last fen, or the soak says what is not.

How to run it
    make soak                                 300 orders, seed 1
    make soak ARGS="--orders 40 --seed 7"     a short one
    make soak ARGS="--seeds 1-10"             ten in a row, and a table
    make soak ARGS="--mutant closed_terminal" a product with one behaviour taken away: this soak must fail

How to read it
    plan.py      what people will do: one script per order, drawn from the seed and the table in scenes.py
    street.py    the people: they act through the public doors
    weather.py   the faults in force, and whether each one struck
    stage.py     PostgreSQL, Redis, simulator, house
    house.py     the shop's processes; product.py furnishes them; mutants.py breaks them; town.py fills the shops
    ticking.py   the soak's time, and pace.py, which moves it
    rest.py      what is still due
    proofs.py    what must be true in the end of money, goods_proofs.py: of everything else
    audit.py     the mornings after: bills.py reads the gateways' bills
    driver.py    all of it in order; outcome.py: what came of it

The exit code is 0 when every soak passed, 1 when one failed, 2 when something could not start.
"""

import argparse
import sys
from pathlib import Path

from config.local import places, processes
from config.local.places import CannotStart
from tests.soak.outcome import Outcome
from tests.soak.play import soak
from tests.soak.stage import Stage

STATE = places.PROJECT / ".lockstep" / "soak"
NAMES = (  # of mutants.MUTANTS, which only the house can import; a test compares the two
    "ignore_late_notice", "no_active_query", "no_hourly_repair", "amount_not_compared", "closed_terminal",
    "new_refund_number", "forged_believed",
)  # fmt: skip


def main() -> int:
    """Play what was asked for."""
    asked = _arguments()
    outcomes: list[Outcome] = []
    try:
        with Stage(asked.state) as stage:
            for seed in asked.seeds or [asked.seed]:
                outcome = soak(stage, orders=asked.orders, seed=seed, mutant=asked.mutant, say=processes.tell)
                processes.tell(f"{outcome.table()}\n")
                outcomes.append(outcome)
    except CannotStart as error:
        processes.tell(f"The soak cannot start: {error}")
        return 2
    if len(outcomes) > 1:
        processes.tell("\n".join(_line(outcome) for outcome in outcomes))
    return 1 if any(outcome.failures for outcome in outcomes) else 0


def _line(outcome: Outcome) -> str:
    struck = sum(fault.times for fault in outcome.faults)
    verdict = "; ".join(outcome.failures) or "passed"
    seconds = sum(outcome.seconds.values())
    return f"{outcome.name:10} {outcome.placed:4} orders  {struck:5} faults  {seconds:4.0f} s  {verdict}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--orders", type=int, default=300, help="how many (default 300)")
    parser.add_argument("--seed", type=int, default=1, help="of plan and faults (default 1)")
    parser.add_argument("--seeds", type=_span, default=[], metavar="A-B", help="several seeds, one after the other")
    parser.add_argument("--mutant", default="", choices=["", *NAMES], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--state", type=Path, default=STATE, metavar="DIR", help="databases, keys and logs")
    return parser.parse_args()


def _span(words: str) -> list[int]:
    first, _, last = words.partition("-")
    return list(range(int(first), int(last or first) + 1))


if __name__ == "__main__":
    sys.exit(main())
