"""`simulator`: how much the gateways' stand-in bears, so that a load on us measures us and not it.

Creates and queries of both gateways, mixed; every request and every answer carries a real RSA-2048 signature. The
requests are signed beforehand: signing them meanwhile would measure the client. Beside it, what 100,000 trades cost.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from wechatpayv3.utils import build_authorization, load_private_key

from bench.client import Job, drive, request
from bench.report import Row
from bench.stand import Stand
from config.local.table import answers
from payments.gateways import alipay_signing
from payments.simulator.book import Book, Trade

NAME = "simulator"
BAR_PER_SECOND, MOST_PER_SECOND = 500, 2_000  # the bar; more than two cores can sign
CONNECTIONS = 16
WARM = 40  # trades of each gateway that the queries ask for
TRADES, BAR_MB = 100_000, 512
NOTIFY = "http://127.0.0.1:9/callbacks"  # nobody listens: nothing is paid here


def run(stand: Stand) -> list[Row]:
    """Measure."""
    folder = Path(tempfile.mkdtemp(prefix="bench-simulator-"))
    try:
        return [_pace(stand, folder), *_size(stand, folder)]
    finally:
        shutil.rmtree(folder)


def _pace(stand: Stand, folder: Path) -> Row:
    port = _start(stand, folder / "pace")
    try:
        merchant = _Merchant(folder / "gateways")
        warm = [merchant.create(f"warm{n:06d}", channel) for n in range(WARM) for channel in "WA"]
        drive(Job(port, warm, CONNECTIONS, repeat=False))
        alive = Job(port, [request("GET", "/healthz", {})], CONNECTIONS, seconds=stand.seconds / 2)
        limit = drive(alive)
        wishes = list(merchant.mix(round(MOST_PER_SECOND * stand.seconds)))
        cpu = stand.cpu_seconds(NAME)
        ours = drive(Job(port, wishes, CONNECTIONS, seconds=stand.seconds, repeat=False))
        cpu_ms = (stand.cpu_seconds(NAME) - cpu) * 1000 / max(1, ours.answered)
        again = drive(alive)
        made = _trades(port) - len(warm)
    finally:
        stand.stop(NAME)
    details = {
        "statuses": ours.statuses, "p50_ms": round(ours.p50_ms, 1), "p99_ms": round(ours.p99_ms, 1),
        "cpu_ms": round(cpu_ms, 2), "trades": made, "connections": CONNECTIONS,
    }  # fmt: skip
    return Row(
        NAME, "requests/s", ours.per_second, limit=limit.per_second, limit_again=again.per_second,
        ship=f"≥ {BAR_PER_SECOND}", losses=ours.answered - ours.statuses.get("200", 0) + ours.lost, details=details,
    )  # fmt: skip


def _size(stand: Stand, folder: Path) -> list[Row]:
    """Write the books of a busy month, start with them, look how large the process is."""
    state, now = folder / "size", time.time()
    state.mkdir()
    book = Book(state / "books.sqlite3", lambda: now)
    for n in range(TRADES):
        trade = Trade("WECHAT", f"size{n:08d}", "1900000001", "wx0", 1234, "CNY", "Beef noodles × 2", "native",
                      NOTIFY, "", now, now + 900)  # fmt: skip
        book.pay(book.open(trade)).done = True
        book.save(trade)
    begun = time.monotonic()
    port = _start(stand, state)
    try:
        seconds, used_mb = time.monotonic() - begun, stand.memory_kib(NAME) / 1024
        known = _trades(port)
    finally:
        stand.stop(NAME)
    return [
        Row("simulator_memory", f"MB with {TRADES:,} trades", used_mb, ship=f"≤ {BAR_MB}", losses=TRADES - known),
        Row("simulator_restart", f"s with {TRADES:,} trades", seconds),
    ]


def _start(stand: Stand, state: Path) -> int:
    """Start a simulator on the stand; its port."""
    port, words = stand.live_port, ("--state", str(state), "--gateway-dir", str(state.parent / "gateways"))
    command = (sys.executable, "-m", "payments.simulator", "--port", str(port), *words)
    stand.start_words(NAME, command, lambda: answers(port))
    return port


def _trades(port: int) -> int:
    totals = httpx.get(f"http://127.0.0.1:{port}/oracle/totals", timeout=30, trust_env=False).json()
    return int(totals["WECHAT"]["trades"] + totals["ALIPAY"]["trades"])


class _Merchant:
    """Signs requests as the demo merchant."""

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "merchant.json").read_text(encoding="utf-8"))
        self._wechat, self._alipay = told["wechat"], told["alipay"]
        self._wechat_key = load_private_key((folder / "wechat_merchant_private.pem").read_text(encoding="ascii"))
        self._alipay_pem = (folder / "alipay_merchant_private.pem").read_text(encoding="ascii")

    def mix(self, count: int) -> Iterator[str]:
        """Write creates and queries of both gateways in turn."""
        for n in range(count // 4):
            warm = f"warm{n % WARM:06d}"
            yield self.create(f"pace{n:08d}", "W")
            yield self.query(warm, "W")
            yield self.create(f"pace{n:08d}", "A")
            yield self.query(warm, "A")

    def create(self, no: str, channel: str) -> str:
        """Write a request for a code to scan."""
        if channel == "A":
            content = {"out_trade_no": no, "total_amount": "12.34", "subject": "Beef noodles"}
            return self._ask_alipay("alipay.trade.precreate", content)
        body = json.dumps({
            "mchid": self._wechat["mchid"], "appid": self._wechat["appid"], "description": "Beef noodles",
            "out_trade_no": no, "notify_url": NOTIFY, "amount": {"total": 1234, "currency": "CNY"},
        })  # fmt: skip
        return self._ask_wechat("POST", "/v3/pay/transactions/native", body)

    def query(self, no: str, channel: str) -> str:
        """Write a query for a trade."""
        if channel == "A":
            return self._ask_alipay("alipay.trade.query", {"out_trade_no": no})
        return self._ask_wechat("GET", f"/v3/pay/transactions/out-trade-no/{no}?mchid={self._wechat['mchid']}")

    def _ask_wechat(self, method: str, path: str, body: str = "") -> str:
        who = (self._wechat["mchid"], self._wechat["merchant_serial_no"], self._wechat_key)
        signed = build_authorization(path, method, *who, body)
        serial = self._wechat["public_key_id"]
        return request(method, path, {"Authorization": signed, "Wechatpay-Serial": serial}, body)

    def _ask_alipay(self, method: str, content: dict[str, Any]) -> str:
        now = datetime.now(tz=UTC) + timedelta(hours=8)
        params = {
            "app_id": self._alipay["app_id"], "method": method, "charset": "utf-8", "sign_type": "RSA2",
            "version": "1.0", "timestamp": f"{now:%Y-%m-%d %H:%M:%S}", "biz_content": json.dumps(content),
            "notify_url": NOTIFY,
        }  # fmt: skip
        message = alipay_signing.canonical(params, leave_out=frozenset())
        params["sign"] = alipay_signing.sign(message, self._alipay_pem)
        return request("GET", f"/gateway.do?{urlencode(params)}", {})
