"""The table of programs that make up Lockstep on one machine; config/local/stack.py starts them."""

import socket
import sys
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from config.local import postgres, redis
from config.local.supervisor import Program

BACKEND_HOST = "127.0.0.1"
SERVICES, APPLICATION, DOOR = range(3)  # tiers: the door closes first, the services last


@dataclass(frozen=True)
class Plan:
    """What one run of the stack was asked for."""

    state: Path
    sockets: Path
    bind: str
    port: int
    web_port: int
    simulator_port: int
    database_url: str  # "" → embedded
    redis_url: str  # "" → embedded
    has_simulator: bool = True

    @property
    def public_url(self) -> str:
        """The address people open."""
        return f"http://localhost:{self.port}"

    @property
    def ports(self) -> dict[str, int]:
        """Each port we will take, by the variable that moves it."""
        taken = {"LOCKSTEP_PORT": self.port, "LOCKSTEP_WEB_PORT": self.web_port}
        return taken | ({"LOCKSTEP_SIMULATOR_PORT": self.simulator_port} if self.has_simulator else {})


def services(plan: Plan) -> list[Program]:
    """Return the embedded services that were not given from outside; the data folder must be prepared."""
    found = []
    if not plan.database_url:
        words = postgres.command(plan.state / "postgres", plan.sockets, durable=True)
        address = postgres.url(plan.sockets, "postgres")
        found.append(
            Program("postgres", tuple(words), lambda: postgres.is_ready(address), postgres.STOP_SIGNAL, SERVICES)
        )
    if not plan.redis_url:
        path = plan.sockets / redis.SOCKET
        words = redis.command(plan.sockets)
        found.append(Program("redis", tuple(words), lambda: redis.is_ready(path), tier=SERVICES))
    return found


def application(plan: Plan) -> list[Program]:
    """Everything that is ours: pages, live door, relay, clock and slow work, the gateways' simulator."""
    programs = [
        Program("web", _web(plan), lambda: answers(plan.web_port)),
        Program("relay", (sys.executable, "manage.py", "relay"), lambda: has_said(plan, "relay", b"relay: ready")),
        Program("clock", _worker("clock")),
        Program("money", _worker("money", 2)),  # a gateway that is slow with refunds keeps no question waiting
        Program("slow", _worker("slow", 2)),  # the export takes one of the two at most, however slow its store is
        Program("beat", _celery("beat", "--schedule", str(plan.state / "beat"))),
        Program("live", _live(plan), lambda: answers(plan.port), tier=DOOR),
    ]
    if plan.has_simulator:
        port = plan.simulator_port
        books = str(plan.state / "simulator")
        words = (sys.executable, "-m", "payments.simulator", "--port", str(port), "--state", books)
        programs.insert(0, Program("simulator", words, lambda: answers(port)))
    return programs


def answers(port: int) -> bool:
    """Whether an HTTP server on this machine's port answers anything at all now."""
    connection = HTTPConnection(BACKEND_HOST, port, timeout=2)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status != 502  # the door is open, nobody is behind it yet
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def has_said(plan: Plan, name: str, words: bytes) -> bool:
    """Whether a program without a port has logged these words since it started."""
    return words in (plan.state / "logs" / f"{name}.log").read_bytes()


def is_free(host: str, port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _web(plan: Plan) -> tuple[str, ...]:
    options = {
        "--interface": "wsgi",
        "--host": BACKEND_HOST,
        "--port": str(plan.web_port),
        "--workers": "1",
        "--blocking-threads": "4",
        "--blocking-threads-idle-timeout": "600",  # seconds; each thread keeps its database connection
        "--log-level": "warning",
    }
    words = (word for pair in options.items() for word in pair)
    return (sys.executable, "-m", "granian", *words, "--no-ws", "config.wsgi:application")


def _live(plan: Plan) -> tuple[str, ...]:
    return (sys.executable, "manage.py", "live", "--host", plan.bind, "--port", str(plan.port))


def _worker(queue: str, at_once: int = 1) -> tuple[str, ...]:
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")  # one worker a queue: nobody to talk to
    named = ("--queues", queue, "--hostname", f"{queue}@lockstep")
    return _celery("worker", *named, "--concurrency", str(at_once), *quiet)


def _celery(*words: str) -> tuple[str, ...]:
    plain = ("--quiet", "--skip-checks")  # `migrate` has checked: it comes before any worker
    return (sys.executable, "-m", "celery", "--app", "config.celery", *plain, *words, "--loglevel", "WARNING")
