"""Checks an exported log, or the proof of one order, without Lockstep: Python 3.11 and `cryptography`, nothing else.

    python verifier.py log.jsonl --key 'shop.example/log+4a1f…+AW…' [--checkpoint FILE …]
    python verifier.py proof.json --key '…' [--checkpoint FILE …]

Take the key, and checkpoints to compare with, from outside: from webhooks, a receipt, a colleague. FILE is one signed
note, or any number of webhook headers `lockstep-checkpoint`, one a line. Without --key the file's own is believed, and
said so. Checked are: every leaf, in the one spelling, leads to every signed root; positions and versions have no gap;
what events say fits their commitment; only legal steps; no card key twice. Ends with 0 and a summary, with 1 and the
first position that is wrong, or with 2 when the file is no log and no proof.
"""

import argparse
import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

STEPS = {
    "": {"PENDING"},
    "PENDING": {"CONFIRMED", "CANCELLED"},
    "CONFIRMED": {"PREPARING", "CANCELLED"},
    "PREPARING": {"READY", "COMPLETED", "CANCELLED"},
    "READY": {"ON_DELIVERY", "COMPLETED", "CANCELLED"},
    "ON_DELIVERY": {"COMPLETED", "CANCELLED"},
    "COMPLETED": set(),
    "CANCELLED": set(),
}
FORGOTTEN = "?"  # what an event said was taken back: any step may follow


class Wrong(Exception):
    """The log is not what was signed; the message names the place."""


def sha(*parts: bytes) -> bytes:
    """SHA-256 of the parts behind each other."""
    return hashlib.sha256(b"".join(parts)).digest()


def canonical(document: Any) -> str:
    """JSON in the one spelling that is sealed."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class Tree:
    """The right edge of a growing Merkle tree (RFC 6962): enough to tell each root."""

    def __init__(self) -> None:
        self.size = 0
        self.edge: list[tuple[int, bytes]] = []  # (leaves below, hash), largest first

    def add(self, leaf: bytes) -> None:
        """Put a leaf's hash behind the others."""
        below = 1
        while self.edge and self.edge[-1][0] == below:
            leaf = sha(b"\x01", self.edge.pop()[1], leaf)
            below *= 2
        self.edge.append((below, leaf))
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root of all leaves so far."""
        if not self.edge:
            return sha()
        value = self.edge[-1][1]
        for _below, left in reversed(self.edge[:-1]):
            value = sha(b"\x01", left, value)
        return value


def read_note(note: str, key: str) -> tuple[int, bytes]:
    """(size, root) of a signed checkpoint. Raises Wrong."""
    name, _, rest = key.partition("+")
    identity, _, spelled = rest.partition("+")
    public = base64.b64decode(spelled)
    text, gap, signatures = note.partition("\n\n")
    if not gap:
        raise Wrong("a checkpoint has no signature")
    for line in signatures.splitlines():
        if not line.startswith(f"— {name} "):
            continue
        signed = base64.b64decode(line.rpartition(" ")[2])
        if signed[:4].hex() != identity or sha(name.encode(), b"\n", public)[:4] != signed[:4]:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public[1:]).verify(signed[4:], f"{text}\n".encode())
        except InvalidSignature:
            raise Wrong(f"the signature below a checkpoint of {text.splitlines()[1]} does not fit") from None
        origin, size, root, *_ = text.splitlines()
        if origin != name:
            raise Wrong(f"a checkpoint is of another log: {origin}")
        return int(size), base64.b64decode(root)
    raise Wrong(f"a checkpoint is not signed by {name}")


class Log:
    """Reads events and checkpoints in order and complains at the first that is wrong."""

    def __init__(self, key: str, outside: dict[int, bytes]) -> None:
        self.key = key
        self.outside = outside
        self.tree = Tree()
        self.proven = 0  # positions up to the last checkpoint that fitted
        self.held = 0  # the same, of those from outside: who signs again makes the log's own fit
        self.checkpoints = 0
        self.versions: dict[str, int] = {}
        self.status: dict[str, str] = {}
        self.keys: dict[str, int] = {}

    def event(self, line: dict[str, Any]) -> None:
        """Check the next event. Raises Wrong."""
        told = json.loads(line["leaf"])
        position = self.tree.size + 1
        if told.get("position") != position:
            raise Wrong(f"position {position} is missing: the next entry says {told.get('position')}")
        leaf = sha(b"\x00", line["leaf"].encode())
        if canonical(told) != line["leaf"]:
            raise Wrong(f"position {position} is not spelled as it was sealed")
        if leaf.hex() != line["hash"]:
            raise Wrong(f"position {position} is not what was sealed: {told['stream']} version {told['version']}")
        self._version(position, told)
        if "contents" in line:
            self._contents(position, told, line)
        else:
            self.status[told["stream"]] = FORGOTTEN
        self.tree.add(leaf)
        if position in self.outside:
            self._fits(self.held, position, self.outside[position], "the checkpoint from outside")
            self.held = self.proven = position

    def checkpoint(self, note: str) -> None:
        """Check a checkpoint against everything before it. Raises Wrong."""
        size, root = read_note(note, self.key)
        if size > self.tree.size:
            raise Wrong(f"position {self.tree.size + 1} is missing: a checkpoint covers {size}")
        if size != self.tree.size:
            raise Wrong(f"a checkpoint of {size} stands behind position {self.tree.size}")
        self._fits(self.proven, size, root, "the signed checkpoint")
        self.proven = size
        self.checkpoints += 1

    def _fits(self, before: int, size: int, root: bytes, what: str) -> None:
        if root != self.tree.root:
            first = before + 1
            where = f"position {first}" if first == size else f"positions {first} to {size}"
            raise Wrong(f"{where}: the entries do not lead to the root of {what} over {size}")

    def _version(self, position: int, told: dict[str, Any]) -> None:
        wanted = self.versions.get(told["stream"], 0) + 1
        if told["version"] != wanted:
            raise Wrong(f"position {position}: {told['stream']} goes on with version {told['version']}, not {wanted}")
        self.versions[told["stream"]] = wanted

    def _contents(self, position: int, told: dict[str, Any], line: dict[str, Any]) -> None:
        salt, text = bytes.fromhex(line["salt"]), line["contents"]
        if hmac.new(salt, text.encode(), hashlib.sha256).hexdigest() != told["commitment"]:
            raise Wrong(f"position {position} does not say what was committed to")
        data = json.loads(text)["data"]
        if told["stream"].startswith("order/") and data.get("status"):
            self._step(position, told["stream"], data["status"])
        for key in data.get("singleUseKeys", []):
            if key in self.keys:
                raise Wrong(f"position {position}: key {key} was issued before, at position {self.keys[key]}")
            self.keys[key] = position

    def _step(self, position: int, stream: str, status: str) -> None:
        was = self.status.get(stream, "")
        if was not in {status, FORGOTTEN} and status not in STEPS.get(was, set()):
            raise Wrong(f"position {position}: {stream} goes from {was or 'nothing'} to {status}")
        self.status[stream] = status


def roots_of(notes: Iterable[str], key: str) -> dict[int, bytes]:
    """Size → root of checkpoints from outside. Raises Wrong, also when two of one size differ."""
    roots: dict[int, bytes] = {}
    for note in notes:
        size, root = read_note(note, key)
        if roots.setdefault(size, root) != root:
            raise Wrong(f"positions 1 to {size}: two checkpoints from outside of {size} differ, so there were two logs")
    return roots


def check_log(lines: Iterator[dict[str, Any]], key: str, notes: Iterable[str]) -> str:
    """Check an export; returns the summary. Raises Wrong."""
    head = next(lines)
    outside = roots_of(notes, key or head["key"])
    log = Log(key or head["key"], outside)
    for line in lines:
        if line["kind"] == "event":
            log.event(line)
        else:
            log.checkpoint(line["note"])
    if log.tree.size != head["size"]:
        raise Wrong(f"position {log.tree.size + 1} is missing: the log was sealed up to {head['size']}")
    if missing := [size for size in outside if size > log.tree.size]:
        raise Wrong(f"position {log.tree.size + 1} is missing: a checkpoint from outside covers {max(missing)}")
    unsigned = log.tree.size - log.proven
    return (
        f"{log.tree.size} entries of {len(log.versions)} streams, {log.checkpoints} checkpoints: nothing was changed"
        + (f", {len(outside)} checkpoints from outside fit" if outside else "")
        + (f" ({unsigned} newest not signed yet)" if unsigned else "")
    )


def check_proof(proof: dict[str, Any], key: str, notes: Iterable[str] = ()) -> str:
    """Check the proof of one order; returns the summary. Raises Wrong."""
    size, root = read_note(proof["note"], key or proof["key"])
    if roots_of(notes, key or proof["key"]).get(size, root) != root:
        raise Wrong(f"positions 1 to {size}: the proof's checkpoint of {size} is not the one from outside")
    for entry in proof["entries"]:
        told = json.loads(entry["leaf"])
        if told["position"] != entry["index"] + 1:
            raise Wrong(f"position {entry['index'] + 1}: the entry says {told['position']}")
        if climb(sha(b"\x00", entry["leaf"].encode()), entry["index"], size, entry["path"]) != root:
            raise Wrong(f"position {told['position']} does not lead to the signed root")
    return f"{len(proof['entries'])} entries lead to the root signed over {size}"


def climb(value: bytes, index: int, size: int, path: list[str]) -> bytes:
    """The root to which a leaf's hash and its neighbours lead; nothing when there are too many or too few."""
    last = size - 1
    for neighbour in map(bytes.fromhex, path):
        if not last:
            return b""
        if index & 1 or index == last:
            value = sha(b"\x01", neighbour, value)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            value = sha(b"\x01", value, neighbour)
        index, last = index >> 1, last >> 1
    return value if not last else b""


def main() -> int:
    """Check the file that the command line names."""
    parser = argparse.ArgumentParser(description="Check an exported log or the proof of one order.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", default="", help="origin+id+base64, from outside")
    parser.add_argument("--checkpoint", action="append", default=[], type=Path, help="a signed note from outside")
    options = parser.parse_args()
    if not options.key:
        print("No --key: the key in the file is believed, so this only shows that the file fits itself.")
    try:
        notes = [note for path in options.checkpoint for note in notes_in(path.read_text(encoding="utf-8"))]
        with options.file.open(encoding="utf-8") as file:
            first = json.loads(next(file))
            if "entries" in first:
                print(check_proof(first, options.key, notes))
            else:
                print(check_log(_lines(first, file), options.key, notes))
    except Wrong as wrong:
        print(f"NOT WHAT WAS SIGNED: {wrong}")
        return 1
    except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError) as error:
        unreadable(options.file, error)
    return 0


def notes_in(text: str) -> list[str]:
    """The notes of a file: one as it was signed, or headers of webhooks, one a line."""
    if "\n\n" in text.strip():
        return [text]
    return [base64.b64decode(line, validate=True).decode() for line in text.split()]


def _lines(first: dict[str, Any], rest: Iterable[str]) -> Iterator[dict[str, Any]]:
    yield first
    yield from map(json.loads, rest)


def unreadable(file: Path, error: Exception) -> NoReturn:
    """Say that this is no file of ours, and end."""
    print(f"{file} cannot be read as a log or proof: {type(error).__name__}: {error}")
    sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())
