"""A writer that dies: each line `folder what step moment [mutant]` forks one that ends by os._exit there.

`moment` is before, inside or after: `inside` is after its writes to the database, before its transaction commits.
"""

import os
import sys
from pathlib import Path

import django
from django.conf import settings

django.setup()

from notifications.analytics import tidying, writing  # noqa: E402
from notifications.analytics.models import AnalyticsFile, AnalyticsState  # noqa: E402
from notifications.analytics.store import Folder  # noqa: E402
from tests.notifications.export_world import FACTS  # noqa: E402

DIED, WENT_ON = 9, 0
PLACES = {
    "claim": (writing, "claim"), "events": (writing, "events"), "write_days": (writing, "write_days"),
    "put": (Folder, "put"), "settle": (writing, "settle"),
    "merge": (tidying, "merge"), "switch": (tidying, "switch"), "delete": (Folder, "delete"),
}  # fmt: skip
INSIDE = {"claim": (AnalyticsState, "save"), "settle": (AnalyticsState, "save"), "switch": (AnalyticsFile, "save")}


def die(place, name, moment):
    """Let the function end the process, before or after it did its work."""
    real = getattr(place, name)

    def deadly(*args, **kwargs):
        if moment == "before":
            os._exit(DIED)
        given = real(*args, **kwargs)
        os._exit(DIED)
        return given

    setattr(place, name, deadly)


def arm(step, moment):
    if moment != "inside":
        die(*PLACES[step], moment)
        return
    place, name = PLACES[step]
    real = getattr(place, name)

    def armed(*args, **kwargs):
        die(*INSIDE[step], "after")
        return real(*args, **kwargs)

    setattr(place, name, armed)


def spoil(mutant):
    """Break the order of work on purpose."""
    if mutant == "counts-before-stored":
        store_all, settle, mine = writing.store_all, writing.settle, []
        claim = writing.claim
        writing.claim = lambda turn, batch: mine.append(turn) or claim(turn, batch)
        writing.store_all = lambda store, wanted, written: (
            settle(mine[-1], wanted, written), store_all(store, wanted, written))  # fmt: skip
        writing.settle = lambda *_: None
    elif mutant == "forgets-its-claim":
        claim = writing.claim

        def anew(turn, batch):
            AnalyticsState.objects.update(claimed_to=None)
            return claim(turn, batch)

        writing.claim = anew
    elif mutant == "deletes-before-switching":
        switch = tidying.switch

        def eager(mine, parts, written, name):
            for part in parts:
                Folder(writing.the_store().root).delete(part.name)
            switch(mine, parts, written, name)

        tidying.switch = eager


def work(what):
    store = writing.the_store()
    if what == "write":
        writing.write(FACTS, store, batch=40, at_once=True)
    else:
        tidying.tidy(FACTS, store, at_once=True)


def main():
    for line in sys.stdin:
        folder, what, step, moment, mutant = [*line.split(), ""][:5]
        child = os.fork()
        if not child:
            settings.ANALYTICS_URL, settings.ANALYTICS_WORK = f"{folder}/export", Path(folder) / "work"
            spoil(mutant)
            if step != "none":
                arm(step, moment)
            try:
                work(what)
            finally:
                os._exit(WENT_ON)
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
