"""The mornings after: the gateways' bills of every day that the soak touched must say what our books say.

driver.py calls `audit`. Ten o'clock comes, and the product's own hourly check reads the bills, in a process of its own:
`python -m tests.soak.audit <folder> <day>…`. A second morning follows, for what waited for the next day's bill. Then
the same bills are compared line by line without the product's comparison, and no difference may be left to decide.
"""

import json
import os
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import django

from config.local import places
from tests.soak import ticking
from tests.soak.looking import Finding
from tests.soak.pace import Pace
from tests.soak.stage import Set

SHANGHAI = timezone(timedelta(hours=8))
BILLS_ARE_READY = timedelta(hours=10, minutes=30)
MORNINGS = 2


def audit(stage: Set, pace: Pace, start: datetime) -> list[Finding]:
    """What the bills of both gateways say about every day so far."""
    first, last = (moment.astimezone(SHANGHAI).date() for moment in (start, stage.ticking.now()))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    midnight = datetime.combine(last, datetime.min.time(), SHANGHAI)
    findings: list[Finding] = []
    for morning in range(1, MORNINGS + 1):
        pace.jump(midnight + timedelta(days=morning) + BILLS_ARE_READY)
        findings = _in_a_process(stage, days)
    return findings


def _in_a_process(stage: Set, days: list[date]) -> list[Finding]:
    done = subprocess.run(
        (sys.executable, "-m", "tests.soak.audit", str(stage.folder), *(day.isoformat() for day in days)),
        env=dict(stage.environment),
        cwd=places.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    with (stage.folder / "audit.log").open("a") as log:
        log.write(done.stderr)
    if done.returncode:
        return [Finding("the bills equal our records", False, done.stderr.strip()[-300:])]
    return [Finding(*row) for row in json.loads(done.stdout)]


def main(folder: Path, days: list[date]) -> None:
    """Print the findings as JSON."""
    ticking.install(folder / "time")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.soak import bills  # after the setup: it imports the product's models

    rows: list[Any] = [bills.read(days), bills.compare(days), bills.undecided()]
    sys.stdout.write(json.dumps(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [date.fromisoformat(word) for word in sys.argv[2:]])
