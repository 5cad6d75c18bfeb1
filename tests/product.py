"""The whole product, started once for the tests that meet it from outside; loaded by `-p tests.product`.

`product` is what `make run` starts: PostgreSQL, Redis, pages, live, relay, workers, beat and the gateways' simulator,
with the demo data, on free ports and in a folder of its own. It ends with the tests of a folder, however they end.
Tests that use it say `pytestmark = STACK` and live in browser/ or journeys/: under xdist one worker has a whole folder,
so that there are two products at most, and each story finds the product as an earlier one of its folder left it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from xdist.scheduler import LoadScopeScheduling

from bench.stand import free_port
from config.demo.people import PASSWORD
from config.local import envfile, places, processes
from tests import tables

STACK = [pytest.mark.stack, pytest.mark.timeout(180)]
SHARE_A_PRODUCT = ("tests/browser/", "tests/journeys/")
HAVE_THEIR_OWN = ("tests/local/test_whole.py", "tests/soak/", "tests/drills/")
START_SECONDS = 120

_running: dict[Path, "Product"] = {}


class FewProducts(LoadScopeScheduling):
    """What starts a product goes to one worker with its neighbours, in order; any other test goes where there is room.

    (xdist's own `--dist loadgroup` writes the group into a field that this pytest does not read any more.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in (*SHARE_A_PRODUCT, *HAVE_THEIR_OWN) if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FewProducts:
    """Asked by xdist, once a run."""
    return FewProducts(config, log)


class Product:
    """The running product as its neighbours see it: an address, a cashier, and (for asking what is true) its rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = [free_port() for _ in range(4)]
        self.sink_port = ports[3]  # where a receiver of webhooks may listen on this machine
        self.address, self.cashier = f"http://localhost:{ports[0]}", f"http://localhost:{ports[2]}"
        names = ("LOCKSTEP_PORT", "LOCKSTEP_WEB_PORT", "LOCKSTEP_SIMULATOR_PORT")
        self._environment = tables.outside_world() | dict(zip(names, map(str, ports[:3]), strict=True))
        self._environment |= {"LOCKSTEP_STATE": str(folder), "MAKELEVEL": "1"}  # inside a make it ends with its parent
        self._environment["LOCKSTEP_WEBHOOK_PRIVATE_HOSTS"] = f"localhost:{self.sink_port}"
        self._said = folder / "said.txt"

    def start(self) -> None:
        """Come up, or fail with what it said."""
        tables.lay(self.folder)
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "config.local"],
                cwd=places.PROJECT,
                env=self._environment,
                stdout=said,
                stderr=said,
            )
        up = processes.wait_until(
            lambda: b"Lockstep is at" in self._said.read_bytes(),
            seconds=START_SECONDS,
            unless=lambda: self._process.poll() is not None,
        )
        if not up:
            self.stop()
            raise AssertionError(self._said.read_text(encoding="utf-8", errors="replace"))
        self.database = envfile.read(self.folder / "env")["DATABASE_URL"]

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs around it to find this product."""
        return dict(self._environment)

    def stop(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database, or move its clock; no story needs it to go on."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def logs(self) -> str:
        """Everything that every process has said."""
        paths = sorted((self.folder / "logs").glob("*.log"))
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)

    def dump(self) -> str:
        """Every row of every table, as a backup would hold it."""
        tables = self.rows(
            "SELECT format('%%I', relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace",
            "public",
        )
        with psycopg.connect(self.database) as connection:
            return "".join(self._copy(connection, name) for (name,) in tables)

    @staticmethod
    def _copy(connection: psycopg.Connection, table: str) -> str:
        with connection.cursor().copy(f"COPY {table} TO STDOUT") as rows:
            return b"".join(bytes(row) for row in rows).decode()

    def scans_and_pays(self, code: str) -> None:
        """A buyer's phone scans the code of a WeChat payment and presses pay at the gateway's cashier."""
        with httpx.Client(trust_env=False, follow_redirects=True) as phone:
            page = phone.get(f"{self.cashier}/scan", params={"code_url": code})
            phone.post(str(page.url), data={"decision": "pay"}).raise_for_status()

    def until_it_answers(self, seconds: float = 30) -> None:
        """Wait until the address answers with a page."""
        assert processes.wait_until(self._answers, seconds=seconds), "it does not answer any more"

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", trust_env=False, timeout=5).is_success
        except httpx.HTTPError:
            return False

    def kill(self, name: str) -> int:
        """Pull the plug on one program, with all its processes; returns how many there were."""
        ours = f"LOCKSTEP_PROCESS={name}".encode()
        found = [pid for pid in _family(self._process.pid) if ours in _environment_of(pid)]
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return len(found)

    @property
    def api_key(self) -> str:
        """The key that ivy's programs send."""
        said = (self.folder / "demo.txt").read_text(encoding="utf-8")
        return next(word for word in said.split() if word.startswith("lk_"))

    def session(self, name: str) -> str:
        """The session that this person's browser would send, after signing in through the page."""
        with httpx.Client(base_url=self.address, trust_env=False, timeout=30) as browser:
            browser.get("/account/signin/").raise_for_status()
            form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            browser.post("/account/signin/", data=form)
            return browser.cookies["sessionid"]

    def program(self, name: str = "ivy") -> "Program":
        """A program of that person: ivy's has an API key, everybody else's signs in."""
        return Program(self, name)


class Program:
    """Somebody's program at the REST doors; every answer is expected to be a success."""

    def __init__(self, product: Product, name: str) -> None:
        self._http = httpx.Client(base_url=f"{product.address}/api/v1", trust_env=False, timeout=30)
        if name == "ivy":
            self._http.headers["X-Api-Key"] = product.api_key
            return
        token = self._http.post("/auth/token", json={"username": name, "password": PASSWORD}).raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {token.json()['access']}"

    def get(self, path: str) -> Any:
        """Read."""
        return self._checked(self._http.get(path))

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """Do."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._checked(self._http.post(path, json=body or {}, headers=named))

    def asks(self, method: str, path: str) -> httpx.Response:
        """Ask for something that may be refused."""
        return self._http.request(method, path, json={} if method == "POST" else None)

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json()


@pytest.fixture(scope="module")
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The whole product, running: one for all tests of a folder."""
    folder = request.path.parent
    if folder not in _running:
        product = Product(tmp_path_factory.mktemp("product"))
        product.start()
        _running[folder] = product
    return _running[folder]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Behind the last test of a folder its product stops: at rest it would still take a part of the machine."""
    try:
        return (yield)
    finally:
        folder = item.path.parent
        if (nextitem is None or nextitem.path.parent != folder) and folder in _running:
            _running.pop(folder).stop()


def _family(root: int) -> set[int]:
    table = processes._table()
    found = {root}
    while more := {pid for pid, (_, parent, _) in table.items() if parent in found} - found:
        found |= more
    return found


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
