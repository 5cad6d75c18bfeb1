"""The Merkle tree of RFC 6962, section 2.1: hashes, roots and proofs over numbered leaves. Pure: no Django, no clock.

The log keeps only *complete* subtrees: node (level, index) covers the leaves from index · 2^level on, 2^level of them.
They never change once written; every root and proof of every earlier size can be told from them. `Get` fetches one.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

Get = Callable[[int, int], bytes]  # (level, index) → hash of a complete subtree
Node = tuple[int, int, bytes]  # level, index, hash

EMPTY = hashlib.sha256(b"").digest()  # the root of no leaves


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(size: int, leaves: Iterable[bytes], get: Get) -> Iterator[Node]:
    """Yield the subtrees that leaf hashes complete when they are put behind the first `size` leaves."""
    fresh: dict[tuple[int, int], bytes] = {}
    for number, leaf in enumerate(leaves, start=size):
        level, index, value = 0, number, leaf
        fresh[level, index] = value
        yield level, index, value
        while index & 1:
            left = fresh.pop((level, index - 1), None) or get(level, index - 1)
            level, index, value = level + 1, index >> 1, node_hash(left, value)
            fresh[level, index] = value
            yield level, index, value


def root(size: int, get: Get) -> bytes:
    """The root of the first `size` leaves."""
    return _span(0, size, get) if size else EMPTY


def inclusion(number: int, size: int, get: Get) -> list[bytes]:
    """The neighbours that lead from leaf `number` (from 0) to the root of `size` leaves, nearest first."""
    if not 0 <= number < size:
        message = f"leaf {number} is not among the first {size}"
        raise ValueError(message)
    return _path(number, 0, size, get)


def consistency(old: int, new: int, get: Get) -> list[bytes]:
    """The hashes that show that the tree of `new` leaves begins with the tree of `old` leaves."""
    if not 0 <= old <= new:
        message = f"{old} leaves are no beginning of {new}"
        raise ValueError(message)
    return _grown(old, 0, new, get, is_known=True) if 0 < old < new else []


def leads_to(leaf: bytes, number: int, size: int, path: Iterable[bytes], wanted: bytes) -> bool:
    """Whether these neighbours lead from a leaf's hash to this root (RFC 9162, section 2.1.3.2)."""
    value, last = leaf, size - 1
    for neighbour in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            value = node_hash(neighbour, value)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            value = node_hash(value, neighbour)
        number, last = number >> 1, last >> 1
    return last == 0 and value == wanted


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _span(start: int, count: int, get: Get) -> bytes:
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return get(level, start >> level)
    left = _split(count)
    return node_hash(_span(start, left, get), _span(start + left, count - left, get))


def _path(number: int, start: int, count: int, get: Get) -> list[bytes]:
    if count == 1:
        return []
    left = _split(count)
    if number < left:
        return [*_path(number, start, left, get), _span(start + left, count - left, get)]
    return [*_path(number - left, start + left, count - left, get), _span(start, left, get)]


def _grown(old: int, start: int, count: int, get: Get, *, is_known: bool) -> list[bytes]:
    if old == count:
        return [] if is_known else [_span(start, count, get)]
    left = _split(count)
    if old <= left:
        return [*_grown(old, start, left, get, is_known=is_known), _span(start + left, count - left, get)]
    return [*_grown(old - left, start + left, count - left, get, is_known=False), _span(start, left, get)]
