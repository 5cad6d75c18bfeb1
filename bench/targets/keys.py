"""`keys`: a shop's file of card keys, from the press on Import to the last key stored, by the worker as shipped.

Each key is sealed by itself (AES-256-GCM, its own nonce, its row as associated data) and marked by HMAC-SHA256;
progress is written with each batch, and the shop's page asks for it each second. Then the same file again (all of it
duplicates), and one during which the worker is killed with -9: nothing may be lost or doubled.
"""

import secrets
import time
from collections.abc import Callable

import psycopg
from django.test import Client

from bench import goods
from bench.report import Row
from bench.stand import Stand
from config.ground import clock, vault
from config.local import processes
from orders.actors import SYSTEM
from orders.models import Key, KeyImport, KeyPool, Shop, ShopStaff
from orders.services import keyfile
from orders.tasks import import_keys_file

KEYS = 200_000
CUT = 60_000  # keys of the file during which the worker dies
PATIENCE = 300.0  # seconds; whoever waits longer has lost something
LOOK = 0.1  # seconds between two looks at the figures


def run(stand: Stand) -> list[Row]:
    """Measure."""
    owner, _key = goods.person("dana")
    shop = Shop.objects.create(trade="DIGITAL", name_en="Keys", name_zh="卡", latitude=31.23, longitude=121.47)
    ShopStaff.objects.create(shop=shop, user=owner, role=ShopStaff.Role.OWNER)
    pool = KeyPool.objects.create(shop=shop, name="Music")
    browser = Client()
    browser.force_login(owner, backend="orders.signin.PhoneOrNameBackend")
    lines = [f"STAR-{secrets.token_hex(2)}-{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper() for _ in range(KEYS)]
    lines = [f"{line}-{number:06d}" for number, line in enumerate(lines)]
    sealing = _sealing(pool, lines[:20_000])
    stand.start("slow")
    try:
        return [*_pace(stand, pool, lines, browser, sealing), _killed(stand, pool)]
    finally:
        stand.stop("slow")


def _sealing(pool: KeyPool, lines: list[str]) -> float:
    """Keys a second that this Python can only seal and mark, storing nothing: the limit."""
    started = time.perf_counter()
    for number, line in enumerate(lines):
        vault.seal(line, f"key|sealed|ck_{number:016d}")
        pool.mark(line)
    return len(lines) / (time.perf_counter() - started)


def _pace(stand: Stand, pool: KeyPool, lines: list[str], browser: Client, sealing: float) -> list[Row]:
    _import(pool, ["WARM-UP-0001"])
    cpu = stand.cpu_seconds("slow")
    first, seconds = _timed(pool, lines, browser)
    cpu_us = (stand.cpu_seconds("slow") - cpu) * 1e6 / len(lines)
    again, seconds_again = _timed(pool, lines, browser)
    stored = Key.objects.filter(batch=first).count()
    plain = _plain_rows(stand, lines[:50])
    wrong = abs(first.stored - KEYS) + abs(stored - KEYS) + abs(again.duplicates - KEYS) + again.stored + plain
    details = {
        "stored": stored,
        "file": f"{first.size_bytes / 1e6:.1f} MB",
        "cpu": f"{cpu_us:.1f} µs a key in the worker",
        "lists": f"{len(again.refused)} of the duplicates by line",
        "found in clear": plain,
    }
    return [
        Row("keys", "keys/s", KEYS / seconds, limit=sealing, ship="≥ 10,000", losses=wrong, details=details),
        Row("keys_again", "lines/s, all duplicates", KEYS / seconds_again, ship="≥ 10,000"),
    ]


def _timed(pool: KeyPool, lines: list[str], browser: Client) -> tuple[KeyImport, float]:
    """Import; the seconds are those from the file's handing over to its end, with the page asking all the while."""
    job = _begin(pool, lines)
    address = f"/merchant/{pool.shop.public_id}/keys/imports/{job.public_id}/"
    asked = time.monotonic()

    def ended() -> bool:
        nonlocal asked
        if time.monotonic() - asked >= 1:
            asked = time.monotonic()
            assert browser.get(address, headers={"HX-Request": "true"}).status_code == 200
        return not KeyImport.objects.get(pk=job.pk).is_running

    import_keys_file.delay(job.public_id)
    _wait(ended)
    job.refresh_from_db()
    assert job.ended_at is not None
    return job, (job.ended_at - job.created_at).total_seconds()


def _killed(stand: Stand, pool: KeyPool) -> Row:
    """Kill the worker with -9 in the middle; another one goes on where the last whole batch ended."""
    lines = [f"CUT-{secrets.token_hex(6)}-{number:06d}" for number in range(CUT)]
    job = _begin(pool, lines)
    import_keys_file.delay(job.public_id)
    _wait(lambda: KeyImport.objects.get(pk=job.pk).stored > CUT // 4)
    killed = stand.kill("slow")
    died_at = KeyImport.objects.get(pk=job.pk).stored
    stand.start("slow")
    started = time.monotonic()
    _wait(lambda: job.public_id in keyfile.unfinished())
    waited = time.monotonic() - started
    import_keys_file.delay(job.public_id)  # what the clock does each 30 s
    _wait(lambda: not KeyImport.objects.get(pk=job.pk).is_running)
    job.refresh_from_db()
    stored = Key.objects.filter(batch=job).count()
    lost = abs(stored - CUT) + job.duplicates + abs(job.stored - CUT) + (not CUT // 4 < died_at < CUT)
    details = {
        "killed": f"{killed} processes at {died_at} keys",
        "lease": f"{waited:.0f} s",
        "duplicates": job.duplicates,
    }
    return Row("keys_killed", f"stored of {CUT:,}", stored, ship=f"{CUT:,}", losses=lost, details=details)


def _begin(pool: KeyPool, lines: list[str]) -> KeyImport:
    path = keyfile.folder() / "up_bench.part"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return keyfile.begin_import(pool, path, file_name="bench.txt", label=f"{clock.now():%H:%M:%S}", actor=SYSTEM)


def _import(pool: KeyPool, lines: list[str]) -> None:
    job = _begin(pool, lines)
    import_keys_file.delay(job.public_id)
    _wait(lambda: not KeyImport.objects.get(pk=job.pk).is_running)


def _wait(condition: Callable[[], bool]) -> None:
    assert processes.wait_until(condition, seconds=PATIENCE), "it never happened"


def _plain_rows(stand: Stand, lines: list[str]) -> int:
    """How many of these keys a copy of the table shows in clear."""
    with (
        psycopg.connect(stand.environment["DATABASE_URL"]) as connection,
        connection.cursor().copy("COPY orders_key TO STDOUT (FORMAT BINARY)") as rows,
    ):
        dump = b"".join(bytes(row) for row in rows)
    return sum(line.encode() in dump for line in lines)
