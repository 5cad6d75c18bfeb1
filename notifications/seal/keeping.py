"""What a receiver holds of our checkpoints: a file with one header a line; `manage.py webhook-sink` keeps one.

verifier.py takes the same file: a log that was rewritten and signed again does not lead to the roots that are held.
"""

from pathlib import Path

from notifications.seal.note import BadNote, Checkpoint, from_a_line, open_note


class Kept:
    """The checkpoints that were seen, by size. `key` is the log's public key, from outside."""

    def __init__(self, file: Path, key: str) -> None:
        self._file = file
        self._key = key
        lines = file.read_text(encoding="ascii").split() if file.exists() else []
        self._roots = {one.size: one.root for one in map(self._opened, lines)}

    def take(self, header: str) -> str:
        """Check one header and keep it if it is new; says in a few words what it is."""
        if not header:
            return "no checkpoint yet"
        try:
            found = self._opened(header)
        except ValueError as error:
            return f"CHECKPOINT NOT VERIFIED: {error}"
        held = self._roots.get(found.size)
        if held is None:
            self._keep(header, found)
            return f"checkpoint of {found.size} verified and kept"
        if held != found.root:
            self._keep(header, found)
            return f"TWO CHECKPOINTS OF {found.size} DIFFER: the log was rewritten; both are kept"
        return f"checkpoint of {found.size} verified"

    def _opened(self, header: str) -> Checkpoint:
        found = open_note(from_a_line(header), self._key)
        if found.origin != self._key.partition("+")[0]:
            raise BadNote(f"it is of another log: {found.origin}")
        return found

    def _keep(self, header: str, found: Checkpoint) -> None:
        self._roots.setdefault(found.size, found.root)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="ascii") as file:
            file.write(f"{header}\n")
