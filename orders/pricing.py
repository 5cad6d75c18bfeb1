"""What does it cost? Pure calculation on values: no database, no clock."""

from collections.abc import Sequence
from typing import NamedTuple


class PricedLine(NamedTuple):
    """One line: the product's price, the prices of its options, how many."""

    price_minor: int
    option_minors: tuple[int, ...]
    quantity: int

    @property
    def unit_minor(self) -> int:
        """One unit with its options."""
        return self.price_minor + sum(self.option_minors)


class Quote(NamedTuple):
    """What an order will cost, in minor units."""

    items_minor: int
    delivery_minor: int

    @property
    def total_minor(self) -> int:
        """All of it."""
        return self.items_minor + self.delivery_minor


def quote(lines: Sequence[PricedLine], *, delivery_minor: int) -> Quote:
    """Sum the lines and add the delivery."""
    return Quote(sum(line.unit_minor * line.quantity for line in lines), delivery_minor)


def returned_for_strike(unit_minor: int, quantity: int, *, left_minor: int, delivery_minor: int) -> int:
    """What a strike-out takes off the bill: its units; when nothing is left of the goods, the delivery too."""
    goods = unit_minor * quantity
    return goods + (delivery_minor if goods >= left_minor else 0)
