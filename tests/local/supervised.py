"""A supervisor with the programs given as JSON [{name, code, tier?}]; test_supervisor.py starts and kills it."""

import json
import os
import sys
from pathlib import Path

from config.local import supervisor
from config.local.places import CannotStart

supervisor.GUARD_PATIENCE = 0.3
folder = Path(sys.argv[1])
keeper = supervisor.Supervisor(folder / "logs", dict(os.environ))
programs = [
    supervisor.Program(
        it["name"],
        (sys.executable, "-c", it["code"], str(folder)),
        (folder / f"{it['name']}.ready").exists,
        tier=it.get("tier", 1),
        stop_seconds=1,
    )
    for it in json.loads(sys.argv[2])
]
try:
    keeper.start(*programs)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    keeper.watch()
except CannotStart as error:
    sys.stdout.write(f"{error}\n")
finally:
    keeper.stop()
