"""Where soaks are played: PostgreSQL and Redis once, then per soak a fresh database, a simulator and a house.

__main__.py and test_soak.py open a Stage; driver.py plays on the Set that `stage.set_up(…)` gives. Everything dies with
the process that opened it. Nothing here needs Django: the driver meets the product only from outside.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx
import psycopg
from psycopg import sql

from bench.stand import free_port
from config.local import places, postgres, processes
from config.local.catalogues import compile_catalogues
from config.local.places import CannotStart
from config.local.services import Services
from tests import tables
from tests.soak.ticking import Ticking

TEMPLATE = "soak_template"
START_SECONDS = 60
UNLIMITED = {"LOCKSTEP_API_READS": "60000000", "LOCKSTEP_API_WRITES": "60000000", "LOCKSTEP_API_WRITE_BURST": "1000000"}


class Wanted(NamedTuple):
    """What one soak needs of its house and its simulator."""

    seed: int
    keys: int
    rare: tuple[int, ...]
    patience: tuple[float, float]
    rest: float
    mutant: str = ""


class Set(NamedTuple):
    """What a driver plays on."""

    folder: Path
    database: str
    shop: str
    simulator: str
    town: dict[str, Any]
    ticking: Ticking
    environment: Mapping[str, str]
    children: tuple[subprocess.Popen[bytes], ...]

    def require_life(self) -> None:
        """Raises RuntimeError when a process that should serve has ended."""
        for name, child in zip(("simulator", "house"), self.children, strict=True):
            if child.poll() is not None:
                raise RuntimeError(f"the {name} ended: see {self.folder / name}.log")

    @property
    def deaths(self) -> list[str]:
        """A line for each child of the house that ended: its name and its exit code."""
        return (self.folder / "deaths").read_text().splitlines()


class Stage:
    """`with Stage(folder) as stage:` starts the services and makes the tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._services = Services(folder, durable=False)
        self._lock = places.lock(folder / "lock")
        self._environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Raises CannotStart."""
        if self._lock is None:
            raise CannotStart(f"another soak is running in {self.folder}")
        self._services.forget_data()
        tables.lay(self.folder)
        try:
            self._environment = self._prepare()
        except BaseException:
            self._services.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the services."""
        self._services.stop()

    @contextmanager
    def set_up(self, wanted: Wanted) -> Iterator[Set]:
        """A fresh database, simulator and house; ended and emptied afterwards, but for the logs."""
        folder = self.folder / f"seed-{wanted.seed}{'-' * bool(wanted.mutant)}{wanted.mutant}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "crashes").mkdir(parents=True)
        with ExitStack() as ending:
            database = self._copy_database(ending)
            shop, simulator = free_port(), free_port()
            environment = self._environment | {
                "DATABASE_URL": database,
                "LOCKSTEP_PUBLIC_URL": f"http://127.0.0.1:{shop}",
                "LOCKSTEP_SIMULATOR_URL": f"http://127.0.0.1:{simulator}",
                "LOCKSTEP_GATEWAY_DIR": str(folder / "gateways"),
                "LOCKSTEP_PROCESS": "soak",
            }
            ticking = Ticking(folder / "time", fresh=True)
            house = {
                "port": shop,
                "patience": wanted.patience,
                "rest": wanted.rest,
                "keys": wanted.keys,
                "rare": wanted.rare,
                "mutant": wanted.mutant,
            }
            (folder / "house.json").write_text(json.dumps(house))
            words = ("payments.simulator", "--port", simulator, "--state", folder / "simulator", "--in-memory",
                     "--seed", wanted.seed, "--time-scale", 1)  # fmt: skip
            gateways = _start(folder, "simulator", words, environment, ending, lambda: _answers(f"{simulator}/healthz"))
            told = folder / "town.json"
            words = ("tests.soak.house", folder)
            serving = _start(folder, "house", words, environment, ending, lambda: _answers(f"{shop}/livez"))
            yield Set(
                folder=folder, database=database, shop=f"http://127.0.0.1:{shop}",
                simulator=f"http://127.0.0.1:{simulator}", town=json.loads(told.read_text()), ticking=ticking,
                environment=environment, children=(gateways, serving),
            )  # fmt: skip

    def _prepare(self) -> dict[str, str]:
        address = self._services.start_postgres()
        redis_url, broker_url = self._services.start_redis()
        own = {
            "DATABASE_URL": address, "REDIS_URL": redis_url, "LOCKSTEP_BROKER_URL": broker_url,
            "LOCKSTEP_STATE": str(self.folder), "LOCKSTEP_SANDBOX": "1", "LOCKSTEP_PAYMENT_MINUTES": "2",
            "LOCKSTEP_ANSWER_MINUTES": "2", "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        environment = tables.outside_world() | own | UNLIMITED
        compile_catalogues()
        with self._steward() as steward:
            steward.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(postgres.DATABASE), sql.Identifier(TEMPLATE)
                )
            )
        return environment

    def _copy_database(self, ending: ExitStack) -> str:
        name = sql.Identifier("soak")
        with self._steward() as steward:
            steward.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            steward.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(TEMPLATE)))
        return postgres.url(self._services.sockets, "soak")

    def _steward(self) -> psycopg.Connection[Any]:
        return psycopg.connect(postgres.url(self._services.sockets, "postgres"), autocommit=True)


def _start(
    folder: Path, name: str, words: tuple[object, ...], environment: Mapping[str, str], ending: ExitStack,
    ready: processes.Condition,
) -> subprocess.Popen[bytes]:  # fmt: skip
    log = folder / f"{name}.log"
    with log.open("wb") as said:
        child = processes.spawn(
            (sys.executable, "-m", *map(str, words)), log=said, environment=environment, folder=places.PROJECT
        )
    ending.callback(processes.end, child)
    if not processes.wait_until(ready, seconds=START_SECONDS, unless=lambda: child.poll() is not None):
        last = (log.read_text(errors="replace").strip().splitlines() or ["no word"])[-1]
        raise CannotStart(f"{name}: {last} (see {log})")
    return child


def _answers(place: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{place}", trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
