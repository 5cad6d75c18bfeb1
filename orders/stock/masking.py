"""What people write about keys must not hold one: found by fingerprint, nothing is unsealed. Called before keeping."""

import re

from orders.stock.models import Key, mark_of

TAIL = 4  # characters of a key that may be named
SHORT = 8  # characters: of a shorter key the last four would tell too much
WORD = re.compile(r"[!-~]{4,}")  # what stands without a space; Chinese around it does not belong to it
AROUND = ".,;:!?()[]{}<>\"'“”‘’"


def tail_of(text: str) -> str:
    """The last characters of a key, as a report may show them: four, of a short key fewer."""
    return text[-TAIL:] if len(text) >= SHORT else text[len(text) - len(text) // 3 :]


def masked(text: str) -> str:
    """A key as people may read it in a record."""
    return f"····{tail_of(text)}"


def without_keys(sentence: str, shop_pk: int) -> str:
    """The sentence, each key of this shop in it masked to its last characters."""
    words = {part for word in WORD.findall(sentence) for part in (word, word.strip(AROUND)) if part}
    marks = {mark_of(word, shop_pk): word for word in words}
    for mark in Key.objects.filter(fingerprint__in=list(marks)).values_list("fingerprint", flat=True):
        word = marks[bytes(mark)]
        sentence = sentence.replace(word, masked(word))
    return sentence
