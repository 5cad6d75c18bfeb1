"""Nobody rewrites the log unseen: not one step changed, taken out, swapped, or the whole rewritten and signed again."""

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction

from notifications.models import Checkpoint, Event, EventSeal, SealNode
from notifications.seal import export, note, proofs, sealing, tree
from notifications.seal.note import BadNote, Signer
from notifications.seal.verifier import Tree
from tests.notifications.conftest import happen

VERIFIER = Path(settings.BASE_DIR) / "notifications" / "seal" / "verifier.py"
INPUTS = [  # the leaves of the reference tree of certificate transparency
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def grown(leaves):
    """A store of complete subtrees over these leaf hashes, put in one after the other."""
    nodes = {}
    for size, leaf in enumerate(leaves):
        for level, index, value in tree.grow(size, [leaf], lambda level, index: nodes[level, index]):
            nodes[level, index] = value
    return lambda level, index: nodes[level, index]


def naive_root(leaves):
    """The definition, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:half]) + naive_root(leaves[half:])).digest()


def test_knows_the_published_roots():
    leaves = [tree.leaf_hash(bytes.fromhex(entry)) for entry in INPUTS]
    get = grown(leaves)
    assert [tree.root(size, get).hex() for size in range(1, 9)] == ROOTS
    assert tree.root(0, get) == hashlib.sha256(b"").digest()


def test_every_proof_leads_to_its_root_and_no_other():
    leaves = [tree.leaf_hash(str(number).encode()) for number in range(70)]
    get = grown(leaves)
    for size in range(1, 71):
        root = tree.root(size, get)
        assert root == naive_root(leaves[:size])
        for number in range(size):
            path = tree.inclusion(number, size, get)
            assert tree.leads_to(leaves[number], number, size, path, root)
            assert not tree.leads_to(leaves[number - 1], number, size, path, root) or size == 1
            assert not tree.leads_to(leaves[number], number, size, [*path, root], root)


def test_a_batch_grows_the_same_tree_as_one_by_one():
    leaves = [tree.leaf_hash(str(number).encode()) for number in range(200)]
    one_by_one, nodes, size = grown(leaves), {}, 0
    chance = random.Random(7)
    while size < len(leaves):
        count = min(chance.randint(1, 40), len(leaves) - size)
        batch = list(tree.grow(size, leaves[size : size + count], lambda *place: nodes[place]))  # noqa: B023 - used at once
        nodes |= {(level, index): value for level, index, value in batch}
        size += count
    assert all(value == one_by_one(level, index) for (level, index), value in nodes.items())


def consistent(old, new, old_root, new_root, path):
    """RFC 9162, section 2.1.4.2, written down a second time for the test."""
    if old == new:
        return old_root == new_root and not path
    path = [old_root, *path] if old & (old - 1) == 0 else list(path)
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    was = now = path[0]
    for value in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            was, now = tree.node_hash(value, was), tree.node_hash(value, now)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            now = tree.node_hash(now, value)
        first, last = first >> 1, last >> 1
    return (was, now, last) == (old_root, new_root, 0)


def test_every_later_tree_shows_that_it_begins_with_every_earlier_one():
    leaves = [tree.leaf_hash(str(number).encode()) for number in range(40)]
    get = grown(leaves)
    for new in range(1, 41):
        for old in range(1, new + 1):
            path = tree.consistency(old, new, get)
            assert consistent(old, new, tree.root(old, get), tree.root(new, get), path)


def test_a_note_opens_only_with_its_key_and_unchanged():
    signer, other = Signer("shop.example/log", b"1" * 32), Signer("shop.example/log", b"2" * 32)
    written = signer.sign(17, b"r" * 32)
    assert note.open_note(written, signer.key) == ("shop.example/log", 17, b"r" * 32)
    for bad in (written.replace("17", "18"), written.partition("\n\n")[0], other.sign(17, b"r" * 32)):
        with pytest.raises(BadNote):
            note.open_note(bad, signer.key)


@pytest.fixture
def sealed(db):
    """A log of forty events of five orders, sealed in two goes, with a checkpoint after each; returns the first."""
    steps = ["PENDING", "CONFIRMED", "PREPARING", "READY", "ON_DELIVERY", "COMPLETED"]
    numbered = 0
    for version, status in enumerate(steps, start=1):
        for order in "abcde":
            happen(f"order/ord_{order}", version, f"order.{status.lower()}", data={"status": status, "n": "é–"})
            numbered += 1
            Event.objects.filter(stream=f"order/ord_{order}", version=version).update(position=numbered)
        if version == 3:
            assert sealing.seal_next(limit=7) == 7
            while sealing.seal_next(limit=7):
                pass
            first = sealing.sign_off(at_once=True)
    while sealing.seal_next():
        pass
    sealing.sign_off(at_once=True)
    return first


def check(file, *, key=None, checkpoints=()):
    """Run the stand-alone verifier, as somebody without our code would; returns (exit code, what it said)."""
    command = [sys.executable, "-I", str(VERIFIER), str(file), "--key", key or sealing.signer().key]
    for path in checkpoints:
        command += ["--checkpoint", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def exported(sealed, tmp_path):
    """`exported()`: the log as it is now, in a file."""

    def write():
        file = tmp_path / "log.jsonl"
        file.write_text("\n".join(map(json.dumps, export.lines())) + "\n", encoding="utf-8")
        return file

    return write


def test_the_verifier_finds_nothing_wrong_with_what_is_true(exported):
    code, said = check(exported())
    assert code == 0, said
    assert "30 entries of 5 streams, 2 checkpoints: nothing was changed" in said


def test_the_command_writes_what_the_verifier_reads(sealed, tmp_path, capsys):
    file = tmp_path / "log.jsonl"
    call_command("audit", "export", out=file)
    assert check(file)[0] == 0
    call_command("audit", "key")
    assert capsys.readouterr().out.strip() == sealing.signer().key


def as_an_attacker(*statements):
    """Somebody with the rights of a superuser switches every trigger off."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)


TAMPERS = {
    "changed": (
        ['UPDATE notifications_event SET data = \'{"status": "CANCELLED"}\' WHERE position = 12'],
        "position 12",
    ),
    "backdated": (["UPDATE notifications_event SET at = at - interval '1 hour' WHERE position = 9"], "position 9"),
    "deleted": (["DELETE FROM notifications_event WHERE position = 17"], "position 17 is missing"),
    "cut off": (["DELETE FROM notifications_event WHERE position > 25"], "position 26 is missing"),
    "swapped": (
        [
            "UPDATE notifications_event SET position = 999 WHERE position = 4",
            "UPDATE notifications_event SET position = 4 WHERE position = 5",
            "UPDATE notifications_event SET position = 5 WHERE position = 999",
        ],
        "position 4",
    ),
}


@pytest.mark.parametrize("how", TAMPERS)
def test_names_the_first_position_that_is_not_what_was_sealed(exported, how):
    statements, first = TAMPERS[how]
    as_an_attacker(*statements)
    code, said = check(exported())
    assert code == 1
    assert first in said


def rewrite():
    """Somebody who also has the signing key changes position 12 and seals everything anew."""
    as_an_attacker(
        'UPDATE notifications_event SET data = \'{"status": "PREPARING", "n": "x"}\' WHERE position = 12',
        "DELETE FROM notifications_sealnode",
        "DELETE FROM notifications_eventseal",
        "DELETE FROM notifications_checkpoint",
    )
    while sealing.seal_next(limit=15):
        sealing.sign_off(at_once=True)


def test_a_log_rewritten_and_signed_again_does_not_fit_a_checkpoint_that_is_outside(sealed, exported, tmp_path):
    """By itself it fits itself; that is why every webhook and receipt carries a checkpoint away."""
    outside = tmp_path / "note.txt"
    outside.write_text(sealed.note, encoding="utf-8")
    rewrite()
    assert check(exported())[0] == 0
    code, said = check(exported(), checkpoints=[outside])
    assert code == 1
    assert "positions 1 to 15: the entries do not lead to the root of the checkpoint from outside" in said


def test_illegal_steps_gaps_and_a_key_issued_twice_are_named(exported):
    """Also when whoever wrote them sealed them properly."""
    for stream, version, data, words in (
        ("order/ord_z", 1, {"status": "READY"}, "goes from nothing to READY"),
        ("order/ord_y", 2, {}, "goes on with version 2, not 1"),
        ("order/ord_x", 1, {"singleUseKeys": ["ck_1", "ck_1"]}, "key ck_1 was issued before"),
    ):
        with transaction.atomic():
            happen(stream, version, data=data)
            last = Event.objects.filter(stream=stream)
            last.update(position=31)
            sealing.seal_next()
            sealing.sign_off(at_once=True)
            code, said = check(exported())
            assert code == 1
            assert "position 31" in said
            assert words in said
            transaction.set_rollback(True)


def test_another_key_is_not_believed(exported):
    other = Signer(settings.SEAL_ORIGIN, b"x" * 32)
    code, said = check(exported(), key=other.key)
    assert code == 1
    assert "not signed by" in said


def test_forgetting_what_an_event_said_leaves_the_tree_whole(exported):
    """Without its salts nobody can tell what it said, or try; the rest of the log is checked as before."""
    EventSeal.objects.filter(position=12).update(salts=None)
    file = exported()
    assert check(file) == (0, "30 entries of 5 streams, 2 checkpoints: nothing was changed\n")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    opened = [line for line in lines if line["kind"] == "event" and "contents" in line]
    assert len(opened) == 29


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"kind": "log"}', b"\xff\xfe", b"{}\n"])
def test_says_what_is_no_log(tmp_path, db, garbage):
    file = tmp_path / "x"
    file.write_bytes(garbage)
    code, said = check(file)
    assert code in {1, 2}
    assert "Traceback" not in said


def test_the_proof_of_one_order_is_checked_offline(sealed, tmp_path):
    proof = proofs.of_stream("order/ord_c")
    assert [json.loads(entry["leaf"])["version"] for entry in proof["entries"]] == [1, 2, 3, 4, 5, 6]
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof), encoding="utf-8")
    assert check(file) == (0, "6 entries lead to the root signed over 30\n")
    proof["entries"][2]["leaf"] = proof["entries"][2]["leaf"].replace("order.preparing", "order.cancelled")
    file.write_text(json.dumps(proof), encoding="utf-8")
    code, said = check(file)
    assert (code, "position 13 does not lead to the signed root" in said) == (1, True)
    assert proofs.of_stream("order/ord_none") is None


def test_the_seal_itself_only_grows(sealed):
    for change in (
        lambda: SealNode.objects.filter(level=0, index=3).update(hash=b"x" * 32),
        lambda: SealNode.objects.filter(level=0, index=3).delete(),
        lambda: Checkpoint.objects.all().delete(),
        lambda: EventSeal.objects.filter(position=3).update(salts=b"x" * 32),
        lambda: EventSeal.objects.filter(position=3).update(commitment="", salts=None),
        lambda: EventSeal.objects.filter(position=3).delete(),
    ):
        with pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic():
            change()


def test_a_torn_log_is_not_sealed_any_further(sealed):
    happen("order/ord_n", 1)
    Event.objects.filter(stream="order/ord_n").update(position=32)
    with pytest.raises(sealing.Torn, match="position 31 is not in the log"):
        sealing.seal_next()


def test_checkpoints_come_at_most_every_ten_seconds(sealed):
    happen("order/ord_n", 1)
    Event.objects.filter(stream="order/ord_n").update(position=31)
    assert sealing.seal_next() == 1
    assert sealing.sign_off() is None
    assert sealing.sign_off(at_once=True).size == 31
    assert sealing.sign_off(at_once=True) is None


def test_both_hands_tell_the_same_root(sealed):
    """The verifier's own tree, which shares no line with ours."""
    theirs = Tree()
    for value in SealNode.objects.filter(level=0).order_by("index").values_list("hash", flat=True):
        theirs.add(bytes(value))
    assert theirs.root == tree.root(sealing.size(), sealing.stored)
