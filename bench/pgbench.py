"""The peer of an HTTP call: the same SQL statements, taken from one real call, repeated by pgbench."""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from bench.stand import Stand
from config.local import postgres

TPS = re.compile(r"tps = ([\d.]+)")
DONE = re.compile(r"number of transactions actually processed: (\d+)")
FAILED = re.compile(r"number of failed transactions: (\d+)")


@dataclass(frozen=True)
class Pace:
    """What pgbench did: transactions a second, how many, how many failed."""

    per_second: float
    done: int
    failed: int


def statements(call: Callable[[], Any]) -> list[str]:
    """The statements that `call` sends, bound and complete, with BEGIN and COMMIT where it has a transaction.

    Connection health checks are left out: they are our cost, not the work.
    """
    taken: list[tuple[bool, str]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001 - Django's shape
        assert not many
        bound = psycopg.ClientCursor(connection.connection).mogrify(sql, params)
        taken.append((connection.in_atomic_block, bound))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        call()
    lines, inside = [], False
    for in_transaction, sql in taken:
        if in_transaction != inside:
            lines.append("BEGIN" if in_transaction else "COMMIT")
            inside = in_transaction
        lines.append(sql)
    return [*lines, "COMMIT"] if inside else lines


def script(lines: list[str], variables: str, replace: Mapping[str, str]) -> str:
    r"""A pgbench script: `variables` (\set lines) first, then the statements with ids replaced by variables.

    Raises ValueError when something to be replaced is in no statement: the peer would do other work than ours.
    """
    text = ";\n".join(lines) + ";\n"
    for old, new in replace.items():
        if old not in text:
            raise ValueError(f"{old} is in no statement")
        text = text.replace(old, new)
    return f"{variables.strip()}\n{text}"


def run(stand: Stand, text: str, *, clients: int, mode: str = "simple", **defines: int) -> Pace:
    """Repeat the script with this many sessions for the stand's seconds; `mode` is pgbench's protocol (-M)."""
    path = Path(stand.state / "peer.sql")
    path.write_text(text, encoding="utf-8")
    words = [
        str(postgres.program("pgbench")), "--no-vacuum", "--host", str(stand.sockets), "--username", postgres.USER,
        "--client", str(clients), "--jobs", "1", "--time", str(max(1, round(stand.seconds))), "--protocol", mode,
        "--file", str(path), *(f"--define={name}={value}" for name, value in defines.items()), postgres.DATABASE,
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-2000:])
    failed = FAILED.search(done.stdout)
    return Pace(
        float(TPS.findall(done.stdout)[-1]), int(DONE.findall(done.stdout)[-1]), int(failed[1]) if failed else 0
    )
