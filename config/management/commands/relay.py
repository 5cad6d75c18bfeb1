"""`manage.py relay`: numbers and publishes the log; beside it lets each reader hear it, seals it, sends what is due."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from config import letters, webhooks
from config.events import READERS
from config.local import interpreter, processes
from notifications.letters import sender as post
from notifications.log import readers, sequencer
from notifications.seal import sealing
from notifications.webhooks import sender

BEHIND = 5  # niceness of whatever comes after the sequencer: every screen waits for that one
LOOK = 1.0  # seconds between looks whether all are alive
PATIENCE = 10.0  # seconds for the loops to end

Loops = Mapping[str, Callable[[], None]]


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C. Several may run at once: one leads, the others stand by."""

    requires_system_checks = ()  # it shall be back at once when it died; `migrate` checks
    help = "Number and publish the log, run the readers of config/events.py, and send webhooks and letters."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django passes them
        """Number here, do the rest in a process beside; when a loop or that process dies, this one ends as well.

        The sequencer has an interpreter to itself because a reader may need it for milliseconds at each event, and
        meanwhile no screen would hear anything.
        """
        connections.close_all()
        interpreter.keep_what_is_loaded()
        stop, bell = _told_to_stop(), _Bell()
        rest = _Apart(lambda: _followers(bell))
        self.stdout.write("relay: ready")
        is_well = _run({"sequencer": lambda: sequencer.run(stop, bell)}, stop, rest.is_alive)
        rest.end()
        if not is_well:
            sys.exit(max(rest.code, 1))


class _Bell(threading.Event):
    """Set in the sequencer's process, it is heard in the other one as well."""

    def __init__(self) -> None:
        super().__init__()
        self._ears, self._hand = os.pipe()
        os.set_blocking(self._ears, False)
        os.set_blocking(self._hand, False)

    def set(self) -> None:
        """Ring; a pipe that is full rings already."""
        super().set()
        try:
            os.write(self._hand, b".")
        except BlockingIOError:
            return

    def listen(self, stop: threading.Event, heard: threading.Event) -> None:
        """Pass each ring on to an event of this process."""
        while not stop.is_set():
            if select.select([self._ears], [], [], LOOK)[0]:
                os.read(self._ears, 65_536)
                heard.set()


class _Apart:
    """A process beside this one. The kernel ends it when this one dies, however that happens."""

    def __init__(self, work: Callable[[], bool]) -> None:
        parent = os.getpid()
        self.code = 0  # with which it ended
        self._pid = os.fork()
        if self._pid == 0:
            processes.die_with_parent(signal.SIGKILL)
            os._exit(0 if os.getppid() == parent and work() else 1)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        if self._pid:
            ended, status = os.waitpid(self._pid, os.WNOHANG)
            if ended:
                self._pid, self.code = 0, os.waitstatus_to_exitcode(status)
        return self._pid != 0

    def end(self) -> None:
        """Ask it to end, then insist."""
        until = time.monotonic() + PATIENCE
        if self.is_alive():
            os.kill(self._pid, signal.SIGTERM)
        while self.is_alive() and time.monotonic() < until:
            time.sleep(0.02)
        if self.is_alive():
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _followers(bell: _Bell) -> bool:
    """Everything that comes after the numbering; True when it was told to stop."""
    os.nice(BEHIND)
    interpreter.switch_soon()
    stop, numbered = _told_to_stop(), threading.Event()
    loops: Loops = {
        "bell": lambda: bell.listen(stop, numbered),
        "readers": lambda: readers.run(stop, READERS, numbered),
        "seal": lambda: sealing.run(stop),
        "webhooks": lambda: sender.run(stop, webhooks.outbox, webhooks.wake, webhooks.stamp),
        "letters": lambda: post.run(stop, letters.office, letters.wake),
    }
    return _run(loops, stop, lambda: True)


def _run(loops: Loops, stop: threading.Event, goes_on: Callable[[], bool]) -> bool:
    """Run the loops, each in its own thread, until told to stop; False when something died before that."""
    threads = [threading.Thread(target=loop, name=name) for name, loop in loops.items()]
    for thread in threads:
        thread.start()
    is_well = True
    while is_well and not stop.wait(LOOK):
        is_well = goes_on() and all(thread.is_alive() for thread in threads)
    stop.set()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    return is_well


def _told_to_stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
