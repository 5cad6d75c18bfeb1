"""What every part of the simulator shares: keys, books, faults, clock, log, the shapes of request and answer."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson

from payments.simulator.book import Book
from payments.simulator.clock import Clock
from payments.simulator.faults import Faults
from payments.simulator.keys import Keys

LOG_LINES = 20_000
IN_ADDRESSES = "%/:?#[]@!$&'()*+,;=-._~"  # what an address may hold as it is


@dataclass(slots=True)
class World:
    """One simulator."""

    keys: Keys
    book: Book
    faults: Faults
    clock: Clock
    time_scale: float
    publish: Callable[[], None]  # tells the shop which keys are valid now
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_LINES))

    links: dict[str, tuple[float, bytes]] = field(default_factory=dict)  # of offered bills: until when, the file

    def scaled(self, fault: str) -> float:
        """How long a fault of business time lasts, in seconds."""
        return self.faults.seconds(fault) / self.time_scale

    def note(self, what: str, no: str = "", **facts: Any) -> None:
        """Write one line into the log that GET /oracle/log shows."""
        self.log.append({"at": time.time(), "what": what, "out_trade_no": no, **facts})


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The fields of a posted form."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @property
    def base(self) -> str:
        """The address under which the caller reached us."""
        return f"http://{self.headers.get('host', 'localhost')}"


@dataclass(slots=True)
class Answer:
    """What goes back; headers in wire form. `subject` names the trade for the log; `is_cut`: it breaks off."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    subject: str = ""
    is_cut: bool = False


def as_json(document: Any, status: int = 200) -> Answer:
    """Answer with a JSON document."""
    return Answer(status=status, body=orjson.dumps(document))


def go_to(address: str) -> Answer:
    """Send the browser elsewhere."""
    return Answer(status=303, headers={"location": quote(address, safe=IN_ADDRESSES)}, content_type="text/plain")
