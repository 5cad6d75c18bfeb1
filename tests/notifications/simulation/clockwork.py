"""Time and turns of the simulation: a loop in which no second is waited for, and threads that stop at every step.

A Strand is a thread of a simulated process: it runs real code of the product and stops wherever that code meets the
outside. Whoever directs the simulation then decides who goes on, who has been killed meanwhile, and who sleeps.
"""

import asyncio
import selectors

from greenlet import getcurrent, greenlet


class Hasty(selectors.SelectSelector):
    """Never waits: the time that a loop would sleep has passed at once. Nothing ever comes from outside."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("nothing will ever happen again")
        self.now += max(0.0, timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time is its own."""

    def __init__(self):
        self.hasty = Hasty()
        super().__init__(self.hasty)

    def time(self):
        return self.hasty.now


class Strand(greenlet):
    """One thread of one process. `due`: it does not go on before; `is_frozen`: not at all."""

    def __init__(self, work, loop, owner):
        super().__init__(work)
        self.loop, self.owner = loop, owner
        self.due = 0.0
        self.session = None

    @property
    def is_ready(self):
        return not self.dead and not self.owner.is_frozen and self.due <= self.loop.time()

    def end(self):
        """Stop for good: nothing of it may be left for the collector, which would switch to it anywhere."""
        while not self.dead:
            self.throw()

    def go_on(self):
        self.due = 0.0
        self.switch()


def pause():
    """Stop here until it is our turn again; the simulation's own thread does not stop."""
    here = getcurrent()
    if isinstance(here, Strand):
        here.parent.switch()


def wait(seconds):
    """Stop here for this time."""
    here = getcurrent()
    here.due = here.loop.time() + seconds
    pause()


class Flag:
    """A threading.Event whose waiting takes the simulation's time."""

    def __init__(self):
        self._is_set = False
        self._waiting = []

    def is_set(self):
        return self._is_set

    def set(self):
        self._is_set = True
        for strand in self._waiting:
            strand.due = 0.0

    def clear(self):
        self._is_set = False

    def wait(self, seconds):
        if not self._is_set:
            self._waiting.append(getcurrent())
            wait(seconds)
            self._waiting.remove(getcurrent())
        return self._is_set
