"""What a drill stands on: its own PostgreSQL and Redis, which can be killed and come back, and the house.

__main__.py and test_drills.py open a Ground; everything dies with the process that opened it. Nothing here needs
Django: the drill meets the product only from outside.
"""

import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress

import psycopg
import redis

from bench.stand import free_port
from config.local import places, processes
from config.local.catalogues import compile_catalogues
from config.local.places import CannotStart
from config.local.services import Services
from tests import tables

START_SECONDS = 60


class Ground:
    """`with Ground(folder, seed) as ground:` starts everything; the database is made anew."""

    def __init__(self, folder, seed, mutant=""):
        self.folder, self.seed, self.mutant = folder, seed, mutant
        self.port = free_port()
        self._services = Services(folder / "services", durable=True)
        self._servers = {}

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "services").mkdir(parents=True)
        tables.lay(self.folder / "services")
        try:
            self._start()
        except BaseException:
            self._services.stop()
            raise
        return self

    def __exit__(self, *_):
        with suppress(AttributeError):
            processes.end(self.house)
        self._services.stop()

    def _start(self):
        self.start("postgres")
        self.start("redis")
        environment = tables.outside_world() | {
            "DATABASE_URL": self.database, "REDIS_URL": self.redis, "LOCKSTEP_BROKER_URL": self.broker,
            "LOCKSTEP_STATE": str(self.folder), "LOCKSTEP_SANDBOX": "1", "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1", "LOCKSTEP_WEBHOOK_PRIVATE_HOSTS": "127.0.0.1:9",
        }  # fmt: skip
        compile_catalogues()
        house = {"port": self.port, "seed": self.seed, "mutant": self.mutant}
        (self.folder / "house.json").write_text(json.dumps(house))
        with (self.folder / "house.log").open("wb") as log:
            words = (sys.executable, "-m", "tests.drills.house", str(self.folder))
            self.house = processes.spawn(words, log=log, environment=environment, folder=places.PROJECT)
        told = self.folder / "town.json"
        up = processes.wait_until(told.exists, seconds=START_SECONDS, unless=lambda: self.house.poll() is not None)
        if not up:
            raise CannotStart(f"the house did not start: see {self.folder / 'house.log'}")
        processes.wait_until(lambda: told.read_text().endswith("}"), seconds=5)
        self.town = json.loads(told.read_text())

    # ── services ─────────────────────────────────────────────────────────────────────────────────
    def start(self, name):
        """Start PostgreSQL or Redis, also behind a crash: shared memory is free only when the last session saw it."""
        for tries in range(100):
            try:
                if name == "postgres":
                    self.database = self._services.start_postgres()
                else:
                    self.redis, self.broker = self._services.start_redis()
                break
            except CannotStart:
                if tries == 99:
                    raise
                time.sleep(0.1)
        self._servers[name] = self._services._children[-1][0]

    def crash(self, name):
        """kill -9 of PostgreSQL or Redis, and start it again."""
        self._servers[name].kill()
        self._servers[name].wait()
        self.start(name)

    def flush(self):
        """Everything in Redis is gone."""
        redis.Redis.from_url(self.redis).flushall()

    # ── processes ────────────────────────────────────────────────────────────────────────────────
    def pid(self, name):
        """The child's process id now; 0 while it is away."""
        try:
            return int((self.folder / "pids" / name).read_text() or 0)
        except (FileNotFoundError, ValueError):
            return 0

    def signal(self, name, number):
        """Send a signal; whether somebody was there to get it."""
        pid = self.pid(name)
        if not pid:
            return False  # 0 would be ourselves
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self, name):
        """kill -9."""
        return self.signal(name, signal.SIGKILL)

    def rows(self, query, *values):
        """Ask the database, again while it is away."""
        for _ in range(200):
            try:
                with psycopg.connect(self.database, autocommit=True, connect_timeout=2) as connection:
                    return connection.execute(query, values or None).fetchall()
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise TimeoutError("the database does not come back")
