"""A simulator process for the tests of payments, its oracle as methods, and an ear for its notifications."""

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from django.db import connections

from bench.stand import free_port
from config.local import processes
from payments.gateways import GATEWAYS, accounts
from payments.gateways.alipay import Alipay
from payments.gateways.base import Channel, Create, Form
from payments.gateways.wechat import Wechat
from tests.payments.merchant import Merchant

TIME_SCALE = 600  # WeChat's first retry after 25 ms, Alipay's after 0.4 s, a WeChat refund done after 0.1 s
_numbers = itertools.count(1)


def until(holds: Callable[[], Any], seconds: float = 10) -> Any:
    """Ask again until the answer is true; fail loudly when it never becomes so."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < deadline, f"still not true after {seconds} s: {holds}"
        time.sleep(0.01)
    return answer


class Simulator:
    """A running simulator; start and stop it, ask its oracle."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.gateway_dir = folder / "gateways"
        self._log = folder / "log"
        self.url = f"http://127.0.0.1:{free_port()}"
        self._command = [sys.executable, "-m", "payments.simulator", "--state", str(folder / "state")]
        self._command += ["--port", self.url.rpartition(":")[2], "--time-scale", str(TIME_SCALE), *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = processes.spawn(self._command, log=log)
        until(self._answers)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        os.kill(self._process.pid, how)
        self._process.wait(timeout=10)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, path: str, **query: Any) -> Any:
        return self.http.get(f"/oracle/{path}", params=query).raise_for_status().json()

    def tell(self, path: str, **body: Any) -> Any:
        return self.http.post(f"/oracle/{path}", json=body).raise_for_status().json()

    def trade(self, no: str) -> Any:
        return self.ask(f"trades/{no}")

    def pay(self, no: str, **more: Any) -> Any:
        """Pay as the customer."""
        return self.tell("pay", out_trade_no=no, **more)

    def faults(self, **rules: Any) -> None:
        """Put these faults in force, and no others."""
        self.tell("faults", **rules)

    def fired(self, name: str) -> int:
        fired: int = self.ask("faults")["fired"][name]
        return fired

    def notice(self, no: str, variant: str = "", refund: str = "") -> tuple[dict[str, str], bytes]:
        """A notification as it would arrive; `variant` names what is wrong with it."""
        told = self.tell("notify", out_trade_no=no, refund=refund, **{"as": variant})
        return told["headers"], told["body"].encode()

    def calls(self, no: str, operation: str) -> list[Any]:
        return [line for line in self.ask("log", out_trade_no=no)["log"] if line.get("operation") == operation]


class Heard(NamedTuple):
    """One notification that arrived."""

    headers: dict[str, str]
    body: bytes


class Ear:
    """A merchant's callback address: hears notifications and answers what it is told to."""

    def __init__(self) -> None:
        self.heard: queue.Queue[Heard] = queue.Queue()
        self.answers: queue.Queue[tuple[int, bytes]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def next(self, seconds: float = 10) -> Heard:
        return self.heard.get(timeout=seconds)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                ear.heard.put(Heard(dict(self.headers), body))
                status, said = 200, b"success"
                with contextlib.suppress(queue.Empty):
                    status, said = ear.answers.get_nowait()
                self.send_response(status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"), "--in-memory")
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(simulator_process: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The simulator, empty and without faults, with the settings and GATEWAYS pointing at it."""
    simulator_process.tell("reset")
    settings.SANDBOX = True
    settings.SIMULATOR_URL = simulator_process.url
    settings.GATEWAY_DIR = simulator_process.gateway_dir
    monkeypatch.setitem(GATEWAYS, "WECHAT", Wechat(accounts.wechat, (0.5, 1.0)))  # breakers of their own
    monkeypatch.setitem(GATEWAYS, "ALIPAY", Alipay(accounts.alipay, (0.5, 1.0)))
    return simulator_process


@pytest.fixture
def merchant(simulator: Simulator) -> Merchant:
    """The demo merchant, who signs by hand."""
    return Merchant(simulator.gateway_dir, simulator.http)


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.stop()


@pytest.fixture
def ask(ear: Ear) -> Callable[..., Create]:
    """Make a request for a payment: 12.34 yuan unless told otherwise."""

    def make(form: Form, **fields: Any) -> Create:
        usual = {
            "out_trade_no": f"t{os.getpid()}x{next(_numbers):06d}",
            "amount_minor": 1234,
            "subject": "牛肉面 } 2 × Beef noodles",
            "expires_at": datetime.now(tz=UTC) + timedelta(minutes=14),
            "notify_url": ear.url,
            "return_url": "http://127.0.0.1:9/orders/x/",
            "client_ip": "203.0.113.7",
        }
        return Create(form=form, **{**usual, **fields})

    return make


def channel_of(form: Form) -> Channel:
    return "WECHAT" if form in {"native", "h5", "jsapi"} else "ALIPAY"


@pytest.fixture
def opened(simulator: Simulator, ask: Callable[..., Create]) -> Callable[..., str]:
    """Create a payment and bring the buyer to the cashier; returns its out_trade_no."""

    def make(form: Form, **fields: Any) -> str:
        wanted = ask(form, **fields)
        created = GATEWAYS[channel_of(form)].create(wanted)
        if created.redirect_url:
            simulator.http.get(created.redirect_url, follow_redirects=True).raise_for_status()
        else:
            simulator.http.get("/scan", params={"code_url": created.code_url}, follow_redirects=True).raise_for_status()
        return wanted.out_trade_no

    return make


@pytest.fixture
def brief_connections() -> Iterator[None]:
    """A server's thread gives its connection up with each request, so that none outlives the test database."""
    options = connections.settings["default"]
    usual, options["CONN_MAX_AGE"] = options["CONN_MAX_AGE"], 0
    yield
    options["CONN_MAX_AGE"] = usual


@pytest.fixture
def door(simulator: Simulator, transactional_db: None, brief_connections: None, live_server: Any, settings: Any) -> str:
    """Our own callbacks behind a real server, which the simulator notifies; its address."""
    settings.PUBLIC_URL = live_server.url
    return str(live_server.url)
