"""Card keys at the shop: importing, what a report tells, stopping, crashing, and that nothing plain stays anywhere."""

import logging
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from config.ground import clock
from orders import tasks
from orders.actors import SYSTEM
from orders.models import Key, KeyImport, KeyPool
from orders.services import keybook, keyfile

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def state(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def dana(client, cast):
    client.force_login(cast.dana)
    return client


def page(pool, part=""):
    return f"/merchant/{pool.shop.public_id}/keys/{pool.public_id}/{part}"


def send(client, pool, content, name="batch.txt", **form):
    return client.post(page(pool), {"file": SimpleUploadedFile(name, content), **form})


def job_of(answer):
    return KeyImport.objects.get(public_id=answer["Location"].rstrip("/").rpartition("/")[2])


def spooled(state, content):
    path = state / "imports" / "up_x.part"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def begin(pool, state, content):
    return keyfile.begin_import(pool, spooled(state, content), file_name="f.txt", label="b", actor=SYSTEM)


def test_imports_a_small_file_at_once_and_deletes_it(dana, keyshop, state):
    answer = send(dana, keyshop.pool, b"\xef\xbb\xbfNEW-0001\r\n\r\nNEW-0002\nNEW-0003", label="Supplier A")
    job = job_of(answer)
    assert (job.state, job.lines, job.stored, job.label) == ("DONE", 3, 3, "Supplier A")
    assert not list((state / "imports").iterdir())
    html = dana.get(answer["Location"]).content.decode()
    assert "new, stored encrypted" in html
    assert "23" in html, "counted now"
    assert {key.text() for key in Key.objects.filter(pool=keyshop.pool)} >= {"NEW-0001", "NEW-0002", "NEW-0003"}


def test_the_same_file_again_adds_nothing(dana, keyshop):
    content = b"".join(b"NEW-%04d\n" % n for n in range(50))
    send(dana, keyshop.pool, content)
    job = job_of(send(dana, keyshop.pool, content))
    assert (job.stored, job.duplicates) == (0, 50)
    assert Key.objects.filter(pool=keyshop.pool).count() == 70


def test_the_report_names_the_line_and_the_last_four_only(dana, keyshop):
    content = b"GOOD-1111\nGOOD-1111\n\xff\xfe\xfa\nMUSIC-0003-SECRET\n" + b"x" * 5000 + b"\nGOOD-2222\n"
    answer = send(dana, keyshop.pool, content)
    job = job_of(answer)
    assert (job.stored, job.duplicates, job.unreadable) == (2, 2, 2)
    assert job.refused == [
        [2, "twice", "1111", "1"], [3, "unreadable", "", ""], [4, "duplicate", "CRET", "AVAILABLE|"],
        [5, "unreadable", "", ""],
    ]  # fmt: skip
    html = dana.get(answer["Location"]).content.decode()
    assert "····CRET" in html
    report = dana.get(answer["Location"] + "report.csv").content.decode()
    assert "4,duplicate,····CRET,AVAILABLE|" in report
    assert "Same key is in this file, line 1" in html
    for text in (html, report):
        assert "MUSIC-0003" not in text
        assert "GOOD-1111" not in text


def test_the_name_of_another_pool_is_no_formula_in_the_report(dana, keyshop):
    other = KeyPool.objects.create(shop=keyshop.shop, name="=1+1")
    send(dana, other, b"GOOD-1111\n")
    answer = send(dana, keyshop.pool, b"GOOD-1111\n")
    assert "1,elsewhere,····1111,'=1+1" in dana.get(answer["Location"] + "report.csv").text


def test_no_key_is_logged_or_kept_plain_in_any_row(dana, keyshop, caplog):
    caplog.set_level(logging.DEBUG)
    send(dana, keyshop.pool, b"HUSH-HUSH-9999\nHUSH-HUSH-9999\n")
    assert "HUSH-HUSH" not in caplog.text
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(k::text, '') FROM orders_key k")
        keys = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(i::text, '') FROM orders_keyimport i")
        imports = cursor.fetchone()[0]
    for plain in ("HUSH-HUSH", b"HUSH-HUSH".hex()):
        assert plain not in keys
        assert plain not in imports


REFUSED = {
    "nothing": b"",
    "blank lines": b"\n\n  \n",
    "UTF-16": "KEY-1\n".encode("utf-16"),
    "a spreadsheet": b"PK\x03\x04rest",
    "bytes": b"\0\1\2\3",
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_a_file_that_is_no_text(dana, keyshop, state, case):
    answer = send(dana, keyshop.pool, REFUSED[case])
    assert answer.status_code == 422
    assert not KeyImport.objects.exists()
    assert not list((state / "imports").iterdir())


def test_refuses_a_file_above_the_limit_while_it_arrives(dana, keyshop, state, monkeypatch):
    monkeypatch.setattr("orders.merchant.spool.MOST_BYTES", 100_000)
    answer = send(dana, keyshop.pool, b"KEY-12345678\n" * 10_000)
    assert answer.status_code == 413
    assert "more than 200 MB" in answer.content.decode()
    assert not list((state / "imports").iterdir())
    assert not KeyImport.objects.exists()


def test_asks_for_a_file(dana, keyshop):
    assert dana.post(page(keyshop.pool), {"label": "x"}).status_code == 422


def test_wants_the_token_of_the_form(cast, keyshop, client):
    client.handler.enforce_csrf_checks = True
    client.force_login(cast.dana)
    assert send(client, keyshop.pool, b"KEY-1\n").status_code == 403
    assert Key.objects.filter(pool=keyshop.pool).count() == 20


def test_a_large_file_goes_on_in_the_background_stretch_by_stretch(keyshop, state, monkeypatch):
    monkeypatch.setattr(keybook, "BATCH", 100)
    job = begin(keyshop.pool, state, b"".join(b"BIG-%06d\n" % n for n in range(1050)))
    assert keyfile.path_of(job).stat().st_mode & 0o077 == 0, "ours alone"
    stretches = 1
    while keyfile.work_on(job.public_id, seconds=0):
        stretches += 1
        job.refresh_from_db()
        assert (job.state, job.lines) == ("RUNNING", min(1050, 100 * (stretches - 1)))
    job.refresh_from_db()
    assert (job.state, job.stored, job.percent) == ("DONE", 1050, 100)
    assert stretches > 5
    assert not keyfile.path_of(job).exists()


def test_line_numbers_go_on_through_stretches(keyshop, state, monkeypatch):
    monkeypatch.setattr(keybook, "BATCH", 3)
    job = begin(keyshop.pool, state, b"A-1\n\nA-2\nA-3\nA-1\nA-4\n\nA-2\n")
    while keyfile.work_on(job.public_id, seconds=0):
        pass
    job.refresh_from_db()
    assert job.refused == [[5, "twice", "1", "1"], [8, "twice", "2", "3"]], "each names the line that it repeats"


def test_a_worker_that_died_loses_and_doubles_nothing(keyshop, state, monkeypatch):
    """The second batch fails inside its transaction: its keys and its progress are both undone, then done again."""
    monkeypatch.setattr(keybook, "BATCH", 10)
    job = begin(keyshop.pool, state, b"".join(b"DIE-%03d\n" % n for n in range(40)))
    real, calls = keyfile._save_progress, []

    def dies_once(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(keyfile, "_save_progress", dies_once)
    with pytest.raises(KeyboardInterrupt):
        keyfile.work_on(job.public_id)
    assert Key.objects.filter(pool=keyshop.pool).count() == 30
    assert not keyfile.work_on(job.public_id), "the lease of the dead one still holds"
    KeyImport.objects.update(next_run_at=clock.now() - timedelta(seconds=1))
    assert keyfile.unfinished() == [job.public_id]
    keyfile.work_on(job.public_id)
    job.refresh_from_db()
    assert (job.state, job.stored, job.duplicates) == ("DONE", 40, 0)


def test_stopping_keeps_what_is_stored(dana, keyshop, state, monkeypatch):
    monkeypatch.setattr(keybook, "BATCH", 10)
    job = begin(keyshop.pool, state, b"".join(b"STOP-%03d\n" % n for n in range(40)))
    keyfile.work_on(job.public_id, seconds=0)
    dana.post(f"/merchant/{keyshop.shop.public_id}/keys/imports/{job.public_id}/stop/")
    keyfile.work_on(job.public_id)
    job.refresh_from_db()
    assert job.state == "STOPPED"
    assert 10 <= job.stored < 40
    assert not keyfile.path_of(job).exists()


def test_the_clock_goes_on_with_what_is_left_and_sweeps_what_none_owns(keyshop, state, monkeypatch):
    job = begin(keyshop.pool, state, b"CLOCK-1\n")
    stray = spooled(state, b"old")
    queued = []
    monkeypatch.setattr(tasks.import_keys_file, "delay", queued.append)
    assert tasks.resume_key_imports() == 1
    assert queued == [job.public_id]
    assert stray.exists(), "it may be arriving now"
    assert keyfile.sweep(older_than=timedelta(seconds=-1)) == 1
    assert not stray.exists()
    assert keyfile.path_of(job).exists()


def test_progress_asks_for_itself_while_it_runs(dana, keyshop, state, monkeypatch):
    monkeypatch.setattr(keybook, "BATCH", 10)
    job = begin(keyshop.pool, state, b"".join(b"RUN-%03d\n" % n for n in range(40)))
    keyfile.work_on(job.public_id, seconds=0)
    address = f"/merchant/{keyshop.shop.public_id}/keys/imports/{job.public_id}/"
    html = dana.get(address, **HTMX).content.decode()
    assert 'hx-trigger="every 1s"' in html
    assert 'aria-valuenow="25"' in html
    assert "25 %, 10 keys stored" in html
    assert "25 %, 10 keys stored" not in dana.get(f"{address}?said=25", **HTMX).content.decode()
    while keyfile.work_on(job.public_id):
        pass
    assert "every 1s" not in dana.get(address, **HTMX).content.decode()


def test_makes_a_pool(dana, keyshop):
    answer = dana.post(f"/merchant/{keyshop.shop.public_id}/keys/", {"name": "Cloud", "uses": "3"})
    pool = KeyPool.objects.get(name="Cloud")
    assert (pool.shop, pool.uses) == (keyshop.shop, 3)
    assert pool.public_id in answer["Location"]
    assert dana.post(f"/merchant/{keyshop.shop.public_id}/keys/", {"name": "", "uses": "0"}).status_code == 422


@pytest.mark.parametrize("name", ["mallory", "bruno", "sam"])
def test_is_not_there_for_others(client, cast, keyshop, noodles, state, name):
    job = begin(keyshop.pool, state, b"MINE-1\n")
    keyfile.work_on(job.public_id)
    client.force_login(getattr(cast, name))
    for shop in (keyshop.shop, noodles.shop):
        base = f"/merchant/{shop.public_id}/keys/"
        for part in (f"{keyshop.pool.public_id}/", f"imports/{job.public_id}/", f"imports/{job.public_id}/report.csv"):
            assert client.get(base + part).status_code == 404
        assert send(client, keyshop.pool, b"THEIRS-1\n").status_code == 404
        form = {"keys": "MINE-1", "reason": "mine"}
        for part in (f"{keyshop.pool.public_id}/void/", f"imports/{job.public_id}/void/"):
            assert client.post(base + part, form).status_code == 404
    assert Key.objects.filter(pool=keyshop.pool).count() == 21
