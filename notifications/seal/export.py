"""The whole sealed log as lines of JSON, for verifier.py: `manage.py audit export` writes them.

First `{"kind": "log", "key", "size"}`; then, by position, `{"kind": "event", "leaf", "hash"}` (with `"contents"` and
`"salt"` where they may be opened), and after each position at which one was signed, `{"kind": "checkpoint", "note"}`.
"""

from collections.abc import Iterator

from notifications.log.models import Event
from notifications.seal.leaf import SALT, Entry, contents, leaf
from notifications.seal.models import Checkpoint, EventSeal, SealNode
from notifications.seal.sealing import COLUMNS, signer, size

PAGE = 2_000


def lines(*, with_contents: bool = True) -> Iterator[dict[str, object]]:
    """Yield the lines; a row that the log no longer has is left out, which the verifier will say."""
    end = size()
    notes = dict(Checkpoint.objects.filter(size__lte=end).values_list("size", "note"))
    yield {"kind": "log", "key": signer().key, "size": end}
    for start in range(0, end, PAGE):
        yield from _page(start, min(start + PAGE, end), notes, with_contents=with_contents)


def _page(start: int, end: int, notes: dict[int, str], *, with_contents: bool) -> Iterator[dict[str, object]]:
    rows = Event.objects.filter(position__gt=start, position__lte=end).values_list(*COLUMNS)
    entries = {row[0]: Entry(*row) for row in rows}
    seals = {seal.position: seal for seal in EventSeal.objects.filter(position__gt=start, position__lte=end)}
    of_leaves = SealNode.objects.filter(level=0, index__gte=start, index__lt=end)
    hashes = dict(of_leaves.values_list("index", "hash"))
    for position in range(start + 1, end + 1):
        if position in entries and position in seals:
            sealed = bytes(hashes.get(position - 1, b"")).hex()
            yield _event(entries[position], seals[position], sealed, with_contents=with_contents)
        if position in notes:
            yield {"kind": "checkpoint", "note": notes[position]}


def _event(entry: Entry, seal: EventSeal, sealed: str, *, with_contents: bool) -> dict[str, object]:
    told: dict[str, object] = {"kind": "event", "leaf": leaf(entry, seal.commitment), "hash": sealed}
    if with_contents and seal.salts is not None:
        salts = bytes(seal.salts)
        told |= {"contents": contents(entry, salts), "salt": salts[:SALT].hex()}
    return told
