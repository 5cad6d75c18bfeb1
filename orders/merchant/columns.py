"""The board's columns: their names by trade, and which tickets stand in each."""

from collections.abc import Iterable
from dataclasses import dataclass

from config.ground.word import Word
from orders.catalog.models import Shop, Trade
from orders.merchant.tickets import Ticket

COLUMNS = {
    "new": Word("New", "新订单", "wait", "bell"),
    "cook": Word("Cooking", "制作中", "move", "pot"),
    "ready": Word("Ready", "待取", "move", "bag"),
    "out": Word("On the way", "配送中", "move", "bike"),
}
WORK = {
    Trade.GROCERY: Word("Picking", "拣货中", "move", "basket"),
    Trade.DIGITAL: Word("Issuing", "自动发货中", "move", "key"),
}

SHORT = {"out": Word("Out", "配送")}


@dataclass(frozen=True)
class Column:
    """One column with its tickets in order."""

    key: str
    word: Word
    tickets: list[Ticket]

    @property
    def short(self) -> Word:
        """Its name on a narrow screen's tab."""
        return SHORT.get(self.key, self.word)

    @property
    def count(self) -> int:
        """How many of them are still to be dealt with; cancelled ones do not count."""
        return sum(not ticket.is_gone for ticket in self.tickets)


def in_columns(shop: Shop, shown: Iterable[Ticket]) -> list[Column]:
    """The columns of a shop; one that accepts by itself sees its work first and what needs an answer last.

    A shop of card keys has one: nobody accepts, packs or carries there.
    """
    held = list(shown)
    if shop.trade == Trade.DIGITAL:
        return [Column("cook", WORK[Trade.DIGITAL], [ticket for ticket in held if ticket.column == "cook"])]
    words = COLUMNS | ({"cook": WORK[Trade(shop.trade)]} if shop.trade in WORK else {})
    found = [Column(key, word, [ticket for ticket in held if ticket.column == key]) for key, word in words.items()]
    if shop.auto_accept:
        found.append(found.pop(0))
    return found
