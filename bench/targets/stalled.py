"""`stalled`: a hundred sockets in one group, once all healthy and once with one more that does not read."""

import json
import socket
from statistics import median
from typing import Self

from bench import contestants, goods
from bench.feeding import Phase
from bench.legs import Leg, Measured
from bench.report import Bar, Row
from bench.stand import Stand
from bench.tally import percentile
from bench.targets.pages import session
from bench.targets.status import placed
from config.local import table

SOCKETS, EVENTS = 100, 100  # in the group; a second
FLOOD = Phase(1.0, rate=2_500, pad=4_000)  # ten megabytes: more than any socket's buffers hold


class Sleeper:
    """A WebSocket that follows two topics and reads no more, until it wakes up."""

    def __init__(self, port: int, headers: str, topics: list[str]) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(20)
        self._socket.connect((table.BACKEND_HOST, port))
        self._socket.sendall(
            b"GET /live/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + headers.encode() + b"\r\n"
        )
        self._until(b'"welcome"')
        for topic in topics:
            words = json.dumps({"type": "subscribe", "topic": topic}).encode()
            self._socket.sendall(bytes([0x81, 0x80 | len(words)]) + bytes(4) + words)
            self._until(b'"snapshot"')

    def wake(self) -> None:
        """Read on until the server says that it dropped frames. Raises TimeoutError when it did not."""
        self._until(b'"resync"')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def _until(self, words: bytes) -> None:
        tail = b""
        while words not in tail:
            if not (data := self._socket.recv(65536)):
                raise ConnectionError("the server hung up")
            tail = tail[-100:] + data


def run(stand: Stand) -> list[Row]:
    """Measure: without, with; a few times."""
    buyer, key = goods.person("sleepy")
    stall = goods.market("stalled")
    refs = [placed(stall, key).public_id for _ in range(2)]
    cookie = session(buyer)
    without, beside = [], []
    for _round in range(min(2, stand.rounds)):
        without.append(_leg(stand, refs, cookie, sleeps=False))
        beside.append(_leg(stand, refs, cookie, sleeps=True))
    ratios = [_p99(one) / _p99(other) for one, other in zip(beside, without, strict=True)]
    seen = [one.seen for one in beside]
    details = {
        "sockets": f"{SOCKETS} healthy in one group, {EVENTS} events/s; the stalled one was told to resync each time",
        "p50": f"beside {_ms(beside, 0.5)}, without {_ms(without, 0.5)}",
        "healthy": f"lost {sum(one.lost for one in seen)}, inverted {sum(one.inverted for one in seen)}",
        "server CPU": f"beside {median(one.server_us for one in beside):.1f} µs a message, without "
        f"{median(one.server_us for one in without):.1f}",
    }
    return [
        Row("stalled_p99", "ms, healthy", median(map(_p99, beside)), median(map(_p99, without)), ratios=ratios,
            bar=Bar(2, 1.2, at_most=True), losses=sum(one.lost + one.inverted for one in seen), details=details),
    ]  # fmt: skip


def _leg(stand: Stand, refs: list[str], cookie: str, *, sleeps: bool) -> Measured:
    watched, flooded = refs
    who = contestants.ours(cookie)
    flood = Phase(**vars(FLOOD) | {"only": [f"order/{flooded}"]})
    with Leg(stand, who, [watched], SOCKETS, more=(flooded,)) as leg:
        if not sleeps:
            leg.feed(flood)
            return leg.measure(Phase(stand.seconds * 2, rate=EVENTS))
        with Sleeper(stand.live_port, who.headers, [f"order/{watched}", f"order/{flooded}"]) as sleeper:
            leg.feed(flood)
            measured = leg.measure(Phase(stand.seconds * 2, rate=EVENTS))
            sleeper.wake()
            return measured


def _p99(measured: Measured) -> float:
    return percentile(measured.delays, 0.99)


def _ms(rounds: list[Measured], share: float) -> str:
    return f"{percentile([delay for one in rounds for delay in one.delays], share):.1f} ms"
