"""A relay's webhook half that can be killed: `start` forks one, `kill` ends it by SIGKILL; the test writes the lines.

Django is loaded once; each child opens connections of its own.
"""

import asyncio
import os
import signal
import sys
import threading

import django

django.setup()

from notifications.log import readers  # noqa: E402
from notifications.outside.wake import Wake  # noqa: E402
from notifications.webhooks.outbox import READER  # noqa: E402
from notifications.webhooks.sender import Sender  # noqa: E402
from tests.notifications.webhook_world import make_outbox  # noqa: E402


def work():
    """Read and send until killed."""
    wake, never = Wake(), threading.Event()
    outbox = make_outbox(wake=wake)
    threading.Thread(target=readers.run, args=(never, {READER: outbox}, threading.Event()), daemon=True).start()
    asyncio.run(Sender(outbox, wake).run(never))


def main():
    child = 0
    for line in sys.stdin:
        if line.strip() == "start":
            child = os.fork()
            if not child:
                work()
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
