"""Keeps a table of programs running and leaves none behind, whatever ends first; config/local/stack.py fills the table.

Three nets: each child asks the kernel for a signal when we die; orphaned grandchildren become ours (subreaper);
and a guard, forked at the start, sees our end of a pipe close and kills what is left of each child's session.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.local import processes
from config.local.places import CannotStart

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between restarts of a program that keeps ending
STEADY_SECONDS = 60.0  # alive this long, its past ends are forgotten
GUARD_PATIENCE = 5.0  # seconds that children have to end by themselves after we were killed


@dataclass(frozen=True)
class Program:
    """One line of the table. `ready` is asked until true; programs of a higher `tier` stop first."""

    name: str
    words: tuple[str, ...]
    ready: processes.Condition = lambda: True
    stop_by: signal.Signals = signal.SIGTERM
    tier: int = 1
    start_seconds: float = 60
    stop_seconds: float = 12


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)
    pause: float = FIRST_PAUSE


class Supervisor:
    """Start programs with `start`, then `watch` until a signal asks to stop. One per process, main thread only."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self.logs = logs
        self.environment = dict(environment)
        self.stopping = False
        self._children: dict[str, _Child] = {}
        self._due: list[tuple[float, Program, float]] = []  # (when, what, the pause after that)
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._before = set(processes.children())  # of whoever runs us, such as a test run: never ours to end
        processes.become_subreaper()
        self._guard = _fork_guard()
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def start(self, *programs: Program) -> None:
        """Start all at once and return when each is ready. Raises CannotStart with the first one's last words."""
        for program in programs:
            self._spawn(program, "wb")
        for program in programs:
            child = self._children[program.name]
            gone = lambda child=child: self.stopping or child.process.poll() is not None  # noqa: E731
            if gone() or not processes.wait_until(program.ready, seconds=program.start_seconds, unless=gone):
                if self.stopping:
                    raise KeyboardInterrupt
                raise CannotStart(f"{program.name} did not start: {self.last_words(program.name)}")

    def run(self, name: str, words: tuple[str, ...]) -> None:
        """Run a program to its end. Raises CannotStart when it fails."""
        self.start(Program(name, words, lambda: self._children[name].process.poll() is not None))
        code = self._children.pop(name).process.returncode
        if code:
            raise CannotStart(f"{name} failed: {self.last_words(name)}")

    def watch(self) -> None:
        """Restart what ends, until a signal asks to stop. Sleeps without waking while nothing happens."""
        while not self.stopping:
            now = time.monotonic()
            for entry in [entry for entry in self._due if entry[0] <= now]:
                self._due.remove(entry)
                self._spawn(entry[1], "ab", entry[2])
            next_due = min((entry[0] for entry in self._due), default=None)
            select.select([self._wake], [], [], None if next_due is None else max(0.0, next_due - now))
            with suppress(BlockingIOError):
                os.read(self._wake, 512)
            self._reap()

    def stop(self) -> None:
        """End everything, highest tier first, each tier at once; what does not end in its time is killed."""
        self._due.clear()
        for tier in sorted({child.program.tier for child in self._children.values()}, reverse=True):
            ending = [child for child in self._children.values() if child.program.tier == tier]
            for child in ending:
                if child.process.poll() is None:
                    child.process.send_signal(child.program.stop_by)
            for child in ending:
                processes.end(child.process, by=child.program.stop_by, seconds=child.program.stop_seconds)
                self._tell_guard(f"-{child.process.pid}")
                del self._children[child.program.name]
        self._reap()

    def pid(self, name: str) -> int:
        """Return the process id of a running program."""
        return self._children[name].process.pid

    def last_words(self, name: str) -> str:
        """Return the last line a program logged, and where the rest is."""
        path = self.logs / f"{name}.log"
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it said nothing'} (see {path})"

    def _spawn(self, program: Program, mode: str, pause: float = FIRST_PAUSE) -> None:
        with (self.logs / f"{program.name}.log").open(mode) as log:
            environment = self.environment | {"LOCKSTEP_PROCESS": program.name}
            process = processes.spawn(program.words, log=log, environment=environment, death_signal=program.stop_by)
        self._children[program.name] = _Child(program, process, pause=pause)
        self._tell_guard(f"+{process.pid}")

    def _reap(self) -> None:
        """Collect the dead: plan the restart of a program, end grandchildren that lost their parent."""
        for child in [child for child in self._children.values() if child.process.poll() is not None]:
            processes.kill_session(child.process.pid)
            self._tell_guard(f"-{child.process.pid}")
            del self._children[child.program.name]
            steady = time.monotonic() - child.started > STEADY_SECONDS
            pause = FIRST_PAUSE if steady else child.pause
            self._due.append((time.monotonic() + pause, child.program, min(pause * 2, LONGEST_PAUSE)))
            processes.tell(f"{child.program.name} ended ({child.process.returncode}), starting again in {pause:g} s")
        ours = {child.process.pid for child in self._children.values()} | {self._guard[0]}
        for orphan in set(processes.children()) - ours - self._before:
            with suppress(OSError):
                os.kill(orphan, signal.SIGKILL)
                os.waitpid(orphan, 0)

    def _tell_guard(self, line: str) -> None:
        with suppress(BrokenPipeError):  # somebody killed the guard; two nets remain
            os.write(self._guard[1], f"{line}\n".encode())

    def _ask_to_stop(self, *_: object) -> None:
        self.stopping = True


def _fork_guard() -> tuple[int, int]:
    """Fork the guard; returns its pid and the end of the pipe on which it hears of sessions."""
    inner, outer = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid:
        os.close(inner)
        return pid, outer
    os.setsid()
    os.close(outer)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions: set[int] = set()
    with os.fdopen(inner) as lines:
        for line in lines:
            (sessions.add if line[0] == "+" else sessions.discard)(int(line[1:]))
    processes.wait_until(lambda: not any(map(processes.session_members, sessions)), seconds=GUARD_PATIENCE)
    for session in sessions:
        processes.kill_session(session)
    os._exit(0)
