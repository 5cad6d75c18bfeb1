"""`python -m bench [target …]`: start the bench's own stack, run the targets, print tables, write bench/last.json."""

import argparse
import sys
from importlib import import_module

import django

from bench import report
from bench.stand import Stand
from config.local.places import CannotStart

TARGETS = ("orders", "status", "fanout", "pages", "simulator", "money", "books", "keys", "webhooks")


def main() -> int:
    """Return the exit code: 0 measured, 1 a count was wrong or something could not start."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}; all unless named")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each leg (default 6)")
    parser.add_argument("--size", type=float, default=1.0, help="of the crowds of `money`, `books` (default 1: 3 M)")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    rows: list[report.Row] = []
    try:
        with Stand(seconds=asked.seconds, size=asked.size) as stand:
            django.setup()
            for name in asked.targets or TARGETS:
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
