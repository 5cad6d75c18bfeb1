"""`manage.py relay`: numbers and seals the log, publishes it, lets each reader hear it, sends webhooks and letters."""

import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from config import letters, webhooks
from config.events import READERS
from notifications.letters import sender as post
from notifications.log import readers, sequencer
from notifications.seal import sealing
from notifications.webhooks import sender

SWITCH = 0.0005  # seconds a thread may keep the interpreter: a busy reader must not hold up the sequencer


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C. Several may run at once: one leads, the others stand by."""

    help = "Number and publish the log, run the readers of config/events.py, and send webhooks and letters."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django passes them
        """Run the loops, each in its own thread; when one dies, the process ends so that it is restarted."""
        sys.setswitchinterval(SWITCH)
        stop, numbered = threading.Event(), threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        loops: dict[str, Callable[[], None]] = {
            "sequencer": lambda: sequencer.run(stop, numbered),
            "readers": lambda: readers.run(stop, READERS, numbered),
            "seal": lambda: sealing.run(stop),
            "webhooks": lambda: sender.run(stop, webhooks.outbox, webhooks.wake, webhooks.stamp),
            "letters": lambda: post.run(stop, letters.office, letters.wake),
        }
        threads = [threading.Thread(target=loop, name=name) for name, loop in loops.items()]
        for thread in threads:
            thread.start()
        self.stdout.write("relay: ready")
        while not stop.wait(1.0):
            if not all(thread.is_alive() for thread in threads):
                stop.set()
                sys.exit(1)
        for thread in threads:
            thread.join(timeout=10)
