"""`storm`: 1,000 sockets are cut at once, miss a change each, and all come back in the same moment."""

import json
import time
from contextlib import ExitStack

from bench import contestants, goods
from bench.feeding import Phase
from bench.report import Row
from bench.stand import Stand
from bench.targets.pages import session
from bench.targets.status import placed
from bench.written import Changed, Written, start_relay

SOCKETS = 1_000
RATE = 500  # changes a second while they are away, and when they are back
LEVEL = 1.0  # seconds for the last of those changes to be numbered


def run(stand: Stand) -> list[Row]:
    """Measure."""
    buyer, key = goods.person("cut-off")
    stall = goods.market("stormy")
    changed = Changed.copies(placed(stall, key), placed(stall, key), stand.sized(SOCKETS))
    count = len(changed.orders)
    with ExitStack() as stack:
        start_relay(stand)
        stack.callback(stand.stop, "relay")
        leg = stack.enter_context(Written(stand, contestants.ours(session(buyer)), changed, direct=False))
        leg.watchers.tell({"do": "cut"})
        leg.watchers.hear("cut")
        leg.unseen(Phase(count / RATE, rate=RATE))
        time.sleep(LEVEL)
        cpu, began = stand.cpu_seconds(leg.server), time.monotonic()
        leg.watchers.tell({"do": "again", "version": changed.version})
        told = json.loads(leg.watchers.hear())
        seconds, spent = time.monotonic() - began, stand.cpu_seconds(leg.server) - cpu
        after = leg.changes(Phase(count / RATE, rate=RATE)).seen
    details = {
        "sockets": f"{count}, each with the change that it missed, none waits before it comes back",
        "behind": told["behind"],
        "afterwards": f"one change each: lost {after.lost}, inverted {after.inverted}",
    }
    return [
        Row("storm", f"s until {count} are level again", seconds, details=details,
            losses=told["behind"] + after.lost + after.inverted),
        Row("storm_cpu", "ms of server CPU a socket", spent * 1000 / count),
    ]  # fmt: skip
