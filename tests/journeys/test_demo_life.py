"""A quarter of a minute of life in all three shops: everybody acts, nothing goes back, nothing is left behind."""

import re
import subprocess
import sys

from config.local import places
from tests.product import STACK

pytestmark = STACK


def test_customers_shops_and_riders_live_together(product):
    """`manage.py simulate` ends with a failure when a status went backwards or a paid order got stuck."""
    asked = ["--orders-per-minute", "120", "--seconds", "15", "--grace", "60", "--seed", "7", "--url", product.address]
    done = subprocess.run(
        [sys.executable, "manage.py", "simulate", *asked],
        cwd=places.PROJECT,
        env=product.environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    last = done.stdout.strip().splitlines()
    assert any("went backwards: 0   stuck: 0" in line for line in last)
    completed = max(int(number) for number in re.findall(r"completed +(\d+)", done.stdout))
    assert completed >= 10
