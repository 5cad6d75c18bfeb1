"""Brings the whole of Lockstep up on one machine and keeps it up; the entry of `make run` and `manage.py up`."""

import hashlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from config.ground import env
from config.local import envfile, places, postgres, processes, redis, table
from config.local.attach import RUNNING
from config.local.catalogues import compile_catalogues
from config.local.places import CannotStart
from config.local.processes import tell
from config.local.supervisor import Supervisor
from config.local.table import Plan

SOURCES = ("config", "orders", "payments", "tracking", "notifications")
PREPARED = "prepared"  # holds a digest: with this code and this data folder, tables and demo data are in place
CLEANING_SECONDS = 15  # how long we wait for the guard of a killed stack, which needs about 5


def main() -> int:
    """Run until Ctrl-C and return the exit code. Whatever stands in the way is said in one line."""
    if os.environ.get("MAKELEVEL"):
        processes.die_with_parent(signal.SIGTERM)
    try:
        plan = ask()
        with alone(plan):
            bring_up(plan)
    except (CannotStart, env.SettingMissing) as error:
        print(f"Lockstep cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped before it was up.")
        return 130
    return 0


def ask() -> Plan:
    """Read from the environment what was asked for. Raises CannotStart when there is no room for it."""
    state = places.state_folder()
    port = env.whole("LOCKSTEP_PORT", 8000, least=1)
    places.require_space(state)
    return Plan(
        state=state,
        sockets=places.socket_folder(state),
        bind=env.text("LOCKSTEP_BIND", "127.0.0.1"),
        port=port,
        web_port=env.whole("LOCKSTEP_WEB_PORT", port + 1, least=1),
        simulator_port=env.whole("LOCKSTEP_SIMULATOR_PORT", port + 10, least=1),
        database_url=env.text("DATABASE_URL", ""),
        redis_url=env.text("REDIS_URL", ""),
        has_simulator=env.text("LOCKSTEP_MODE", "development") != "production",
    )


@contextmanager
def alone(plan: Plan) -> Iterator[None]:
    """Be the only one that runs on this state folder, with every port free. Raises CannotStart."""
    path = plan.state / RUNNING
    taken: list[IO[str]] = []

    def take() -> bool:
        taken.extend(filter(None, [places.lock(path)]))
        return bool(taken)

    if not processes.wait_until(take, seconds=CLEANING_SECONDS, unless=lambda: bool(places.holder(path))):
        message = (
            f"process {places.holder(path)} uses {plan.state} already: stop it first, "
            "or give this one a LOCKSTEP_STATE and a LOCKSTEP_PORT of its own."
        )
        raise CannotStart(message)
    with taken[0]:
        for variable, port in plan.ports.items():
            if not table.is_free(plan.bind if port == plan.port else table.BACKEND_HOST, port):
                message = f"port {port} is taken by another program: stop it, or choose a free one with {variable}=…"
                raise CannotStart(message)
        yield


def bring_up(plan: Plan) -> None:
    """Start everything, say where it is, keep it up until a signal asks to stop. Raises CannotStart."""
    started = time.monotonic()
    for name in ("static", "media"):
        (plan.state / name).mkdir(exist_ok=True)
    if not plan.database_url:
        postgres.prepare(plan.state / "postgres")
    environment = os.environ | envfile.rewrite(plan.state / "env", addresses(plan)) | {"PYTHONUNBUFFERED": "1"}
    supervisor = Supervisor(plan.state / "logs", environment)
    try:
        say("Starting")
        for program in table.services(plan):
            say(program.name)
            supervisor.start(program)
        if not plan.database_url:
            postgres.make_database(plan.sockets)
        prepare(plan, supervisor)
        say("pages, live, relay, workers, simulator" if plan.has_simulator else "pages, live, relay, workers")
        supervisor.start(*table.application(plan))
        tell(f". Up in {time.monotonic() - started:.1f} s.")
        tell(welcome(plan))
        supervisor.watch()
        tell("\nStopping …", end=" ")
    except (CannotStart, KeyboardInterrupt):
        tell("")
        raise
    finally:
        supervisor.stop()
    tell("stopped, nothing left running.")


def addresses(plan: Plan) -> dict[str, str]:
    """Tell what each process and each later command must know to find this stack."""
    broker = plan.redis_url or redis.broker_url(plan.sockets)
    return {
        "DATABASE_URL": plan.database_url or postgres.url(plan.sockets),
        "REDIS_URL": plan.redis_url or redis.url(plan.sockets),
        "LOCKSTEP_BROKER_URL": os.environ.get("LOCKSTEP_BROKER_URL") or broker,
        "LOCKSTEP_PUBLIC_URL": os.environ.get("LOCKSTEP_PUBLIC_URL") or plan.public_url,
        "LOCKSTEP_SIMULATOR_URL": f"http://localhost:{plan.simulator_port}",
        "LOCKSTEP_BACKEND": f"{table.BACKEND_HOST}:{plan.web_port}",
        "LOCKSTEP_STATE": str(plan.state.resolve()),
    }


def prepare(plan: Plan, supervisor: Supervisor) -> None:
    """Catalogues, tables and demo data; skipped when neither the code nor the data folder changed since."""
    compile_catalogues()
    digest = fingerprint(plan)
    note = plan.state / PREPARED
    if not plan.database_url and note.exists() and note.read_text(encoding="ascii") == digest:
        return
    note.unlink(missing_ok=True)
    say("tables")
    supervisor.run("migrate", (sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"))
    if env.flag("LOCKSTEP_SEED", default=plan.has_simulator):
        say("demo data")
        supervisor.run("seed", (sys.executable, "manage.py", "seed_demo"))
    note.write_text(digest, encoding="ascii")


def fingerprint(plan: Plan) -> str:
    """Hash the names, sizes and times of our code, and which data folder it prepared."""
    born = plan.state / "postgres" / "PG_VERSION"
    paths = [*(path for source in SOURCES for path in sorted((places.PROJECT / source).rglob("*.py"))), born]
    seen = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths if path.exists()]
    return hashlib.blake2s(repr(seen).encode()).hexdigest()


def welcome(plan: Plan) -> str:
    """Say the address and, when the demo data is in, who can sign in."""
    logins = plan.state / "demo.txt"
    people = logins.read_text(encoding="utf-8").strip() if logins.exists() else ""
    return f"Lockstep is at {plan.public_url}  (Ctrl-C stops it)" + (f"\n{people}" if people else "")


def say(step: str) -> None:
    """Add a word to the progress line."""
    tell(step if step == "Starting" else f"· {step}", end=" ")
