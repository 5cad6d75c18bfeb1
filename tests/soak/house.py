"""The shop's side of a soak, started by stage.py: `python -m tests.soak.house <folder>`.

One parent loads the product once and forks its processes: four that serve pages, API and callbacks, a worker for
each queue of the clock, the relay. A child that dies is forked again within milliseconds, as a supervisor would. What
the product does is untouched but for three things, all done by product.py and none of them in product code: the clock
is the soak's, the adapters wait (and rest) a shorter time, and for marked orders `settle.apply` ends the process
instead of applying: the crash between the two transactions, with the first one committed.

The folder holds `house.json` (see Orders), `time` (ticking.py), `crashes/<order id>` (one crash each), and gets
`town.json`, `deaths` (a line for each child that ended) and the children's words on standard error.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import django
from django.core.management import call_command
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.db import connections
from django.urls import get_resolver

from config.local import interpreter
from tests.soak import ticking

WEB = 4  # children that serve; each one request at a time
CRASHED = 70  # the exit code of a crash that was ordered
IDLE = 0.01  # seconds a worker rests when nothing was due


class Orders(NamedTuple):
    """What stage.py wants: `house.json`."""

    port: int
    patience: tuple[float, float]  # seconds the adapters wait to connect, to be answered
    rest: float  # seconds a channel rests after failures in a row
    keys: int
    rare: tuple[int, ...]  # sizes of the pools that one order wants whole
    mutant: str = ""


class Quiet(WSGIRequestHandler):
    """Serves without a line in the log for each request."""

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


def main(folder: Path) -> int:
    """Serve until told to stop."""
    orders = Orders(**json.loads((folder / "house.json").read_text()))
    now = ticking.install(folder / "time")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.soak import product  # after the setup: it imports the product's models

    product.furnish(orders, folder, die=lambda: os._exit(CRASHED))
    queues = product.queues()
    (folder / "town.json").write_text(
        json.dumps(product.settle_town(orders.keys, orders.rare) | {"workers": len(queues)})
    )
    listening = _listen(orders.port)
    get_resolver().url_patterns  # noqa: B018 - reads every view before the fork
    connections.close_all()
    interpreter.keep_what_is_loaded()
    children: dict[str, Callable[[], None]] = {
        f"web-{n}": lambda: _serve(listening, product.application) for n in range(WEB)
    }
    children |= {name: lambda name=name: product.work(name, now) for name in queues}
    children["relay"] = lambda: call_command("relay", verbosity=0)
    return _keep_alive(children, folder / "deaths")


def _keep_alive(children: dict[str, Callable[[], None]], deaths: Path) -> int:
    """Fork each child, and again when it ends, until SIGTERM."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    living = {_fork(run): name for name, run in children.items()}
    deaths.touch()
    while not stopping:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if not pid:
            time.sleep(IDLE)
            continue
        name = living.pop(pid)
        with deaths.open("a") as file:
            file.write(f"{name} {os.waitstatus_to_exitcode(status)}\n")
        living[_fork(children[name])] = name
    for pid in living:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return 0


def _fork(run: Callable[[], None]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        ticking.die_with(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - it is written down, then the child ends
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _listen(port: int) -> socket.socket:
    """The one door that all serving children wait at."""
    listening = socket.create_server(("127.0.0.1", port), backlog=256)
    listening.set_inheritable(True)
    return listening


def _serve(listening: socket.socket, application: Any) -> None:
    server = WSGIServer(("127.0.0.1", 0), Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = "127.0.0.1", listening.getsockname()[1]
    server.setup_environ()
    server.set_app(application)
    server.serve_forever(poll_interval=5)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
