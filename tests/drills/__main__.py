"""`python -m tests.drills`: kills what carries the live log, and proves that nothing is lost, twice or out of order.

relay       real processes: fifty kill -9 of the relay at random and at aimed moments, while several writers commit
            (also in long transactions) and followers listen by socket, event stream and poll; a leader frozen between
            numbering and publishing, fenced and woken; PostgreSQL and Redis killed and wiped; the live process killed
protocol    the same protocol as a seeded simulation (tests/notifications/simulation): many seeds in little time

    make drills                                          relay, 50 kills, seed 1
    make drills ARGS="relay --kills 50 --seeds 1-5"      five in a row
    make drills ARGS="relay --mutant mark_before_send"   a relay that forgets what it did not say: this drill must fail
    make drills ARGS="protocol --seeds 0-300"            the simulation; --planted NAME for a broken protocol

Files: ground.py (PostgreSQL, Redis, house), house.py and product.py (relays, live, writers), followers.py (screens),
driver.py (the damage), history.py (what must be true in the end), mutants.py (relays that a drill must find out).

The exit code is 0 when everything passed, 1 when something broke, 2 when something could not start.
"""

import argparse
import os
import sys
from pathlib import Path

from config.local import places, processes
from config.local.places import CannotStart
from tests.drills.driver import relay_drill

STATE = places.PROJECT / ".lockstep" / "drills"
MUTANTS = ("mark_before_send", "reads_on_after_the_last_id")  # a test compares with mutants.py


def main():
    """Play what was asked for."""
    asked = _arguments()
    play = _relay if asked.drill == "relay" else _protocol
    try:
        return 1 if sum(play(asked, seed) for seed in asked.seeds) else 0
    except CannotStart as error:
        processes.tell(f"The drill cannot start: {error}")
        return 2


def _relay(asked, seed):
    outcome = relay_drill(asked.state / f"seed-{seed}", kills=asked.kills, seed=seed, mutant=asked.mutant)
    processes.tell(outcome.table())
    return bool(outcome.broken)


def _protocol(asked, seed):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from tests.notifications.simulation.planted import planted
    from tests.notifications.simulation.story import play

    with planted(asked.planted):
        world = play(seed)
    processes.tell(f"seed {seed}: {len(world.database.events)} events: {'; '.join(world.broken[:3]) or 'passed'}")
    return bool(world.broken)


def _arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("drill", nargs="?", choices=["relay", "protocol"], default="relay")
    parser.add_argument("--kills", type=int, default=50, help="of the relay (default 50)")
    parser.add_argument(
        "--seed", "--seeds", dest="seeds", type=_span, default=[1], metavar="A-B", help="one or several"
    )
    parser.add_argument("--mutant", default="", choices=["", *MUTANTS], metavar="NAME", help=", ".join(MUTANTS))
    parser.add_argument("--planted", default="", metavar="NAME", help="see simulation/planted.py")
    parser.add_argument("--state", type=Path, default=STATE, metavar="DIR", help="databases and logs")
    return parser.parse_args()


def _span(words):
    first, _, last = words.partition("-")
    return list(range(int(first), int(last or first) + 1))


if __name__ == "__main__":
    sys.exit(main())
