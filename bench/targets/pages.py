"""`pages`: first byte of the order page and the merchant board for one user, and relay commit → socket."""

import json
import time
from collections.abc import Callable
from typing import Any

import websockets.sync.client
from django.test import Client

from bench import goods
from bench.client import Job, drive, request
from bench.report import Row
from bench.stand import Stand
from bench.targets.status import placed
from config.local import table
from notifications.live.protocol import SUBPROTOCOL
from orders import services
from orders.actors import as_merchant
from orders.models import Order, User

READS, CHANGES, ON_BOARD = 50, 200, 12
PATIENCE = 10.0  # seconds for one frame


def run(stand: Stand) -> list[Row]:
    """Measure."""
    stall = goods.market("pages")
    buyer, key = goods.person("reader")
    orders = [placed(stall, key) for _ in range(ON_BOARD)]
    owner = User.objects.get(username="pages-owner")
    stand.start("web")
    try:
        rows = [
            _first_byte(stand, "order_page", f"/orders/{orders[0].public_id}/", buyer),
            _first_byte(stand, "board", f"/merchant/{stall.shop.public_id}/", owner),
        ]
    finally:
        stand.stop("web")
    return [*rows, *_arrival(stand, stall, key, owner)]


def session(user: User) -> str:
    """The session cookie of somebody who has signed in."""
    browser = Client()
    browser.force_login(user, backend="orders.signin.PhoneOrNameBackend")
    return f"sessionid={browser.cookies['sessionid'].value}"


def _first_byte(stand: Stand, name: str, path: str, user: User) -> Row:
    page = request("GET", path, {"Cookie": session(user)})
    drive(Job(stand.web_port, [page] * 10, repeat=False))  # templates are compiled once
    cpu = stand.cpu_seconds("web")
    outcome = drive(Job(stand.web_port, [page] * READS, seconds=60, repeat=False))
    cpu_ms = (stand.cpu_seconds("web") - cpu) * 1000 / READS
    failed = READS - outcome.statuses.get("200", 0)
    details = {
        "statuses": outcome.statuses,
        "p99_ms": round(outcome.p99_ms, 1),
        "cpu_ms": round(cpu_ms, 1),
        "reads": READS,
    }
    return Row(f"{name}_first_byte", "ms, median", outcome.first_byte_ms, losses=failed, details=details)


def _arrival(stand: Stand, stall: goods.Market, key: str, owner: User) -> list[Row]:
    """One change after the other: from the return of the commit to the frame in a socket that follows the board."""
    first = goods.copies(placed(stall, key), CHANGES)
    board = f"board/{stall.shop.public_id}"
    stand.start("live")
    stand.start("relay")
    try:
        with websockets.sync.client.connect(
            f"ws://{table.BACKEND_HOST}:{stand.live_port}/live/ws",
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item] # a NewType of str
            additional_headers={"Cookie": session(owner)},
            compression=None,
        ) as socket:
            socket.send(json.dumps({"type": "subscribe", "topic": board}))
            _await(socket, lambda frame: frame["type"] == "snapshot")
            _catch_up(socket, placed(stall, key))
            times = sorted(_change(socket, first + n, owner) for n in range(CHANGES))
    finally:
        stand.stop("relay")
        stand.stop("live")
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    details = {"changes": CHANGES, "road": "commit, hint, sequencer, Redis, hub, socket"}
    return [
        Row("commit_to_socket_p50", "ms", p50, details=details),
        Row("commit_to_socket_p99", "ms", p99, ship="≤ 100"),
    ]


def _catch_up(socket: websockets.sync.client.ClientConnection, order: Order) -> None:
    """Wait until the relay has numbered everything that was written before it started."""
    _await(socket, lambda frame: frame.get("order") == order.public_id)


def _change(socket: websockets.sync.client.ClientConnection, pk: int, owner: User) -> float:
    """Confirm one order; ms from commit to the arrival of its frame."""
    ref = f"ord_{goods.FIRST_REF + pk}"
    services.confirm_order(ref, minutes=15, actor=as_merchant(owner))
    committed = time.perf_counter()
    _await(socket, lambda frame: frame.get("order") == ref and frame["type"] == "order.confirmed")
    return (time.perf_counter() - committed) * 1000


def _await(socket: websockets.sync.client.ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> None:
    while not wanted(json.loads(socket.recv(timeout=PATIENCE))):
        pass
