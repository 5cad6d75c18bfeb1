"""Every webhook carries a signed checkpoint away; who keeps them finds out when the log is rewritten and re-signed."""

import json
import shutil
import subprocess
import sys
import threading
from importlib import import_module

import pytest
from django.db import connection, transaction

from config import webhooks
from notifications.models import Attempt, Message
from notifications.seal import export, note, sealing, verifier
from notifications.seal.keeping import Kept
from notifications.seal.note import Signer
from tests.notifications.webhook_world import all_settled, make_endpoint, read, sending, tell, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
sink_command = import_module("config.management.commands.webhook-sink")


@pytest.fixture
def receiver(settings, tmp_path):
    """The sink of `manage.py webhook-sink`, with its file of checkpoints and what it printed."""
    kept = tmp_path / "outside" / "checkpoints.txt"
    said, known = [], []
    server = sink_command.serve(
        0, say=said.append, secrets=lambda: known, keep=Kept(kept, sealing.signer().key).take, status=202
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    host = f"localhost:{server.server_port}"
    settings.WEBHOOK_PRIVATE_HOSTS = [host]
    endpoint = make_endpoint(f"http://{host}/hook")
    known.append(endpoint.known_secret)
    yield kept, said
    server.shutdown()
    server.server_close()
    thread.join()


def seal():
    while sealing.seal_next():
        pass
    return sealing.sign_off(at_once=True)


def verify_elsewhere(tmp_path, *checkpoints):
    """Copy the export and the verifier away and run them with nothing of ours in reach."""
    away = tmp_path / "away"
    away.mkdir(exist_ok=True)
    shutil.copy(verifier.__file__, away / "verifier.py")
    (away / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in export.lines()), encoding="utf-8")
    command = [sys.executable, "-I", "verifier.py", "log.jsonl", "--key", sealing.signer().key]
    for path in checkpoints:
        command += ["--checkpoint", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=away, env={})
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def say_and_hear():
    with sending(stamp=webhooks.stamp):
        wait_for(all_settled)


def test_a_receiver_that_keeps_checkpoints_finds_a_log_that_was_rewritten_and_signed_again(receiver, tmp_path):
    kept, said = receiver
    for version in (1, 2, 3):
        tell("ord_a", version)
        read()
        seal()
        if version == 2:
            say_and_hear()  # the receiver hears while the newest checkpoint covers two
    say_and_hear()
    assert ["verified and kept" in line for line in said].count(True) == 2, said
    assert len(kept.read_text(encoding="ascii").split()) == 2
    code, words = verify_elsewhere(tmp_path, kept)
    assert (code, "2 checkpoints from outside fit" in words) == (0, True), words

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # a superuser; no trigger stops them
        cursor.execute("UPDATE notifications_event SET data = '{\"rewritten\": true}' WHERE position = 2")
        for table in ("sealnode", "eventseal", "checkpoint"):
            cursor.execute(f"DELETE FROM notifications_{table}")
    assert sealing.seal_next(limit=1) == 1  # signed at every position: its own checkpoints all fit
    sealing.sign_off(at_once=True)
    assert sealing.seal_next(limit=1) == 1
    sealing.sign_off(at_once=True)
    seal()
    assert verify_elsewhere(tmp_path)[0] == 0, "by itself it fits itself"
    code, words = verify_elsewhere(tmp_path, kept)
    assert code == 1
    assert "positions 1 to 2: the entries do not lead to the root of the checkpoint from outside over 2" in words

    tell("ord_a", 4)
    read()
    say_and_hear()
    assert "TWO CHECKPOINTS OF 3 DIFFER: the log was rewritten" in said[-1]
    code, words = verify_elsewhere(tmp_path, kept)
    assert (code, "two checkpoints from outside of 3 differ" in words) == (1, True), words


def test_a_try_carries_the_newest_checkpoint_of_its_own_moment(sink):
    """A retry carries the newest again, and each try says which one it was; the signature is not touched by it."""
    there = sink(lambda sink, line, got: line.sendall(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n"))
    make_endpoint(there.url)
    tell("ord_a", 1)
    read()
    with sending(stamp=webhooks.stamp):
        wait_for(lambda: Attempt.objects.count() == 1)
        sizes = [seal().size]
        wait_for(lambda: Attempt.objects.count() == 2)
    assert list(Attempt.objects.values_list("checkpoint", flat=True)) == [None, *sizes]
    first, second = there.got
    assert note.HEADER not in first.headers
    opened = note.open_note(note.from_a_line(second.headers[note.HEADER]), sealing.signer().key)
    assert opened.size == sizes[0]
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == Message.objects.get().public_id


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("", "no checkpoint yet"),
        ("!", "no base64"),
        (note.in_a_line("nothing"), "no signature"),
        (note.in_a_line(Signer("evil.example/log", b"7" * 32).sign(5, b"r" * 32)), "not signed by"),
    ],
)
def test_a_receiver_believes_no_checkpoint_of_somebody_else(tmp_path, header, says):
    kept = Kept(tmp_path / "kept.txt", sealing.signer().key)
    assert says in kept.take(header)
    assert not (tmp_path / "kept.txt").exists()
