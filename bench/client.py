"""The load: keep-alive HTTP connections driven by one epoll loop, in a process of its own; `drive` starts it.

Read from standard input: one Job as JSON. Written to standard output: one Outcome as JSON.
It parses only what it must (status, length, the code of a problem), so that it is never the bottleneck.
"""

import json
import re
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, count, cycle

UNIQUE = "%%UNIQUE%%"  # in a request's head: replaced by 16 digits that no other request has
HOST = "127.0.0.1"
SILENCE = 30.0  # seconds without any answer after which the rest counts as lost
CODE = re.compile(rb'"code":\s*"([a-z_]+)"')
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Job:
    """Requests are sent in turn over `connections`; for at most `seconds`: again and again, or each once.

    Closed loop unless `rate` (a second) is given; then latency counts from the moment a request was due.
    """

    port: int
    requests: list[str]
    connections: int = 1
    seconds: float = 6.0
    repeat: bool = True
    rate: float = 0.0
    first_unique: int = 0


@dataclass
class Outcome:
    """`statuses` and `codes` count answers; times are in milliseconds; `client_ms` is our own CPU per request."""

    answered: int = 0
    lost: int = 0
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    first_byte_ms: float = 0.0  # median
    client_ms: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0


def drive(job: Job) -> Outcome:
    """Run a job in a fresh process."""
    done = subprocess.run(
        (sys.executable, "-m", "bench.client"),
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=True,
    )
    return Outcome(**json.loads(done.stdout))


def request(method: str, path: str, headers: dict[str, str], body: str = "") -> str:
    """The text of one HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    elif method == "POST":
        lines.append("Content-Length: 0")
    return "\r\n".join([*lines, "", body])


class Wire:
    """One connection with at most one request on its way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = self.heard = 0.0
        self.buffer = b""

    def send(self, raw: bytes, due: float) -> None:
        """Send one request whole."""
        self.due, self.heard, self.buffer = due, 0.0, b""
        self.socket.sendall(raw)

    def read(self) -> bytes | None:
        """The whole answer once it is there. Raises ConnectionError when the server hangs up."""
        part = self.socket.recv(262_144)
        if not part:
            raise ConnectionError
        self.heard = self.heard or time.perf_counter()
        self.buffer += part
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return None
        length = LENGTH.search(self.buffer, 0, head)
        if length is None:
            return self.buffer if self.buffer.endswith(b"0\r\n\r\n") else None
        return self.buffer if len(self.buffer) >= head + 4 + int(length[1]) else None


class Driver:
    """Runs one job to its end."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.outcome = Outcome()
        self.statuses: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.first_bytes: list[float] = []
        self.wires = [Wire(job.port) for _ in range(job.connections)]
        self.by_number = {wire.socket.fileno(): wire for wire in self.wires}
        self.idle = list(self.wires)
        self.poll = select.epoll()
        for number in self.by_number:
            self.poll.register(number, select.EPOLLIN)

    def run(self) -> Outcome:
        """Send everything, wait for the last answer, count."""
        source, began = self._requests(), time.perf_counter()
        busy = time.process_time()
        pending = next(source, None)
        while pending is not None or len(self.idle) < len(self.wires):
            while pending is not None and self.idle and pending[1] <= time.perf_counter():
                self.idle.pop().send(pending[0], pending[1] or time.perf_counter())
                pending = next(source, None)
            wait = SILENCE
            if pending is not None and self.idle:
                wait = max(0.0, pending[1] - time.perf_counter())
            if not self._hear(wait) and wait == SILENCE:
                self.outcome.lost += len(self.wires) - len(self.idle)
                break
        self.outcome.seconds = time.perf_counter() - began
        return self._counted(time.process_time() - busy)

    def _requests(self) -> Iterator[tuple[bytes, float]]:
        """(request, moment it is due; 0: as soon as a connection is free)."""
        job, began = self.job, time.perf_counter()
        raws = [text.encode() for text in job.requests]
        for number, raw in enumerate(cycle(raws) if job.repeat else chain(raws)):
            due = began + number / job.rate if job.rate else 0.0
            if max(due, time.perf_counter()) - began >= job.seconds:
                return
            yield raw.replace(UNIQUE.encode(), b"%016d" % (job.first_unique + number)), due

    def _hear(self, wait: float) -> bool:
        ready = self.poll.poll(wait)
        for number, _ in ready:
            wire = self.by_number[number]
            answer = wire.read()
            if answer is None:
                continue
            now = time.perf_counter()
            self.latencies.append(now - wire.due)
            self.first_bytes.append(wire.heard - wire.due)
            status = answer[9:12].decode()
            self.statuses[status] += 1
            if status >= "400" and (code := CODE.search(answer)):
                self.codes[code[1].decode()] += 1
            self.idle.append(wire)
        return bool(ready)

    def _counted(self, busy: float) -> Outcome:
        outcome, times = self.outcome, sorted(self.latencies)
        outcome.answered = len(times)
        outcome.statuses, outcome.codes = dict(self.statuses), dict(self.codes)
        if times:
            outcome.p50_ms = times[len(times) // 2] * 1000
            outcome.p99_ms = times[min(len(times) - 1, len(times) * 99 // 100)] * 1000
            outcome.first_byte_ms = sorted(self.first_bytes)[len(times) // 2] * 1000
            outcome.client_ms = busy * 1000 / len(times)
        return outcome


def fresh_numbers() -> Iterator[int]:
    """First numbers for UNIQUE, a million apart, so that jobs of one bench never share a key."""
    return count(time.time_ns() // 1_000_000_000 * 1_000_000, 1_000_000)


if __name__ == "__main__":
    print(json.dumps(asdict(Driver(Job(**json.load(sys.stdin))).run())))
