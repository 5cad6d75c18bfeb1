"""The processes of a drill, started by ground.py: `python -m tests.drills.house <folder>`.

One parent loads the product once, makes a shop and its orders, and forks: two relays, the live process, the writers.
A child that is killed is forked again after a moment, as a supervisor would. The product is untouched but for an aim
in the relays: when the file `aim` is there, the next leader that has numbered and not yet published does what it says
(`kill`: dies, `half`: dies in the middle of its batch, `stop`: freezes). And a leader counts as frozen sooner.

The folder holds `house.json`, gets `town.json`, `pids/<name>`, `deaths`, `acks` (what writers were told is committed)
and `witness` (what the reader of that name heard).
"""

import functools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import django
from django.conf import settings

from config.local.processes import die_with_parent

STALE = 1.5  # seconds without a beat after which a leader counts as frozen here; the product waits for five
ORDERS, WRITERS = 12, 3
STEP = 0.045  # seconds between two steps of a writer, on average


def main(folder):
    """Serve until told to stop."""
    orders = json.loads((folder / "house.json").read_text())
    django.setup()
    from tests.drills import product  # after the setup: it imports the product's models

    town = product.settle(ORDERS)
    (folder / "pids").mkdir()
    (folder / "acks").touch()
    (folder / "witness").touch()
    product.furnish(folder, STALE, orders["mutant"])
    children = {f"relay-{number}": product.relay for number in (1, 2)}
    children["live"] = functools.partial(product.live, orders["port"])
    for number in range(WRITERS):
        mine = town["orders"][number::WRITERS]
        children[f"writer-{number}"] = functools.partial(product.write, folder, mine, orders["seed"] + number, STEP)
    (folder / "town.json").write_text(json.dumps(town))
    return _keep_alive(folder, children, random.Random(orders["seed"]))


def _keep_alive(folder, children, chance):
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    living = {_fork(folder, name, run): name for name, run in children.items()}
    due = []
    while not stopping:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            name, code = living.pop(pid), os.waitstatus_to_exitcode(status)
            if code:
                with (folder / "deaths").open("a") as file:
                    file.write(f"{name} {code}\n")
            if code or not name.startswith("writer"):
                due.append((time.monotonic() + chance.uniform(0.02, 0.3), name))
        while due and min(due)[0] <= time.monotonic():
            _, name = due.pop(due.index(min(due)))
            living[_fork(folder, name, children[name])] = name
        time.sleep(0.005)
    for pid in living:
        os.kill(pid, signal.SIGKILL)
    return 0


def _fork(folder, name, run):
    parent = os.getpid()
    pid = os.fork()
    if pid:
        fresh = folder / "pids" / f".{name}"
        fresh.write_text(str(pid))
        fresh.rename(folder / "pids" / name)
        return pid
    code = 1
    try:
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        settings.DATABASES["default"]["OPTIONS"]["application_name"] = f"{name} {os.getpid()}"  # to tell who leads
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - it is written down, then the child ends
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
