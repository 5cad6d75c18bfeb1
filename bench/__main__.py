"""`python -m bench [target …]`: start the bench's own stack, run the targets, print tables, write bench/last.json."""

import argparse
import sys
from importlib import import_module

import django

from bench import report
from bench.stand import Stand
from config.local.places import CannotStart

LIVE = ("fanout", "stalled", "arrival", "storm", "webhooks")
TARGETS = ("orders", "status", "pages", "simulator", "money", "books", "keys", "statistics", *LIVE)
QUICK = {"seconds": 0.6, "rounds": 1, "sockets": 0.04}


def words(given: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}; all unless named")
    parser.add_argument("--live", action="store_true", help=f"the targets {', '.join(LIVE)}, each in short legs")
    parser.add_argument("--quick", action="store_true", help="a look within three minutes, too short to be quoted")
    parser.add_argument("--seconds", type=float, help="length of each leg (default 6, with --live 2)")
    parser.add_argument("--rounds", type=int, help="of which the median ratio counts (default 3, with --live 2)")
    parser.add_argument("--sockets", type=float, default=1.0, help="share of the sockets (default 1: 1,500 and 1,000)")
    parser.add_argument("--size", type=float, default=1.0, help="of the crowds of `money`, `books` (default 1: 3 M)")
    asked = parser.parse_args(given)
    if asked.quick:
        vars(asked).update(QUICK)
    asked.seconds = asked.seconds or (2.0 if asked.live else 6.0)
    asked.rounds = asked.rounds or (2 if asked.live else 3)
    asked.targets = asked.targets or list(LIVE if asked.live else TARGETS)
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return asked


def main() -> int:
    """Return the exit code: 0 measured, 1 a count was wrong or something could not start."""
    asked = words()
    rows: list[report.Row] = []
    try:
        with Stand(seconds=asked.seconds, size=asked.size, rounds=asked.rounds, sockets=asked.sockets) as stand:
            django.setup()
            for name in asked.targets:
                # read late: the targets import models, and Django had to be set up on the stand's database
                found = import_module(f"bench.targets.{name}").run(stand)
                conditions = report.conditions(stand)
                print(report.table(name, found, conditions), flush=True)
                report.merge(found, conditions)
                rows += found
    except CannotStart as error:
        print(f"The bench cannot start: {error}", file=sys.stderr)
        return 1
    return 1 if any(row.losses for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
