"""Starts PostgreSQL and Redis before Django's settings are read; loaded by `-p tests.services` in pyproject.toml.

Each pytest run takes a slot of its own, `.lockstep/test/<n>`, so runs side by side share nothing, and the slot's
database folder is used again by the next run (`--reuse-db` works). Each process of a run has its own Redis, and makes
its test database as a copy of one that has all tables.
A killed run leaves nothing: the kernel ends its servers and unlocks its slot.
DATABASE_URL and REDIS_URL, when given, are used instead.
"""

import atexit
import itertools
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO

import psycopg
import pytest
from django.db import connections
from psycopg import sql

from config.local import places, postgres, processes
from config.local.catalogues import compile_catalogues
from config.local.services import Services
from tests import tables

TEST_STATE = places.PROJECT / ".lockstep" / "test"
SLOT = "LOCKSTEP_TEST_SLOT"  # the controller tells its xdist workers
HAS_TEMPLATE = "LOCKSTEP_TEST_TEMPLATE"  # so is this
TEMPLATE = "template_tables"  # nobody uses it, so that it can be copied at any time

_held: list[IO[str]] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Runs around pytest-django's own hook, which loads the settings."""
    try:
        bring_up()
    except places.CannotStart as error:
        pytest.exit(str(error), returncode=3)
    return (yield)


def bring_up() -> None:
    """Point DATABASE_URL, REDIS_URL and LOCKSTEP_STATE at services of our own, started here unless given."""
    for name in tables.SLOW:  # each run would rewrite and compile every test, and each child all of the product
        os.environ.pop(name, None)
    sys.dont_write_bytecode = False
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        processes.die_with_parent(signal.SIGKILL)
    else:
        compile_catalogues()
    state = Path(os.environ[SLOT]) if worker else take_slot()
    (state / "static").mkdir(parents=True, exist_ok=True)
    os.environ[SLOT] = os.environ["LOCKSTEP_STATE"] = str(state)
    services = Services(state, durable=False)
    atexit.register(services.stop)
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = start_postgres(services)
    if not worker and os.environ.get("REDIS_URL"):
        os.environ["LOCKSTEP_TEST_REDIS"] = "given"
    if not os.environ.get("LOCKSTEP_TEST_REDIS"):
        name = f"redis-{worker or 'main'}.sock"
        os.environ["REDIS_URL"], os.environ["LOCKSTEP_BROKER_URL"] = services.start_redis(name)


def take_slot() -> Path:
    """The first slot no living run holds; ours until we end."""
    for number in itertools.count(1):
        state = TEST_STATE / str(number)
        if handle := places.lock(state / "lock"):
            _held.append(handle)
            return state
    raise AssertionError


def start_postgres(services: Services) -> str:
    """Start the slot's PostgreSQL; a folder that a crash has spoilt is made anew."""
    tables.lay(services.state)
    try:
        address = services.start_postgres()
    except places.CannotStart:
        services.forget_data()
        tables.lay(services.state)
        address = services.start_postgres()
    with psycopg.connect(postgres.url(services.sockets, "postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            names = (sql.Identifier(postgres.DATABASE), sql.Identifier(TEMPLATE))
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))
    postgres.make_database(services.sockets)
    os.environ[HAS_TEMPLATE] = "1"
    return address


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Test databases begin as copies; Django migrates them nevertheless."""
    if os.environ.get(HAS_TEMPLATE):
        connections["default"].settings_dict["TEST"]["TEMPLATE"] = TEMPLATE
