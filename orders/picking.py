"""Picking: in which order a warehouse walks to the shelves, and what may be scanned. Pure calculation on lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from orders.order.models import OrderLine


class BarcodeWrong(Refusal):
    """Another thing was scanned than the one that is wanted."""

    code = "barcode_wrong"
    status = 422
    message = _("This is {found}, not {wanted}.")


@dataclass(frozen=True)
class Walk:
    """The lines of one order in walking order, and the one to pick now (None: nothing is open any more)."""

    lines: Sequence[OrderLine]
    now: OrderLine | None

    @property
    def done(self) -> int:
        """How many lines are picked or struck out."""
        return sum(line.state != OrderLine.State.OPEN for line in self.lines)

    @property
    def open(self) -> int:
        """How many are still to be picked."""
        return len(self.lines) - self.done

    @property
    def percent(self) -> float:
        """How much of the walk is done."""
        return 100 * self.done / len(self.lines) if self.lines else 100

    @property
    def is_only_cold_left(self) -> bool:
        """Everything that may wait is in the bag."""
        return self.now is not None and self.now.product.is_cold


def walk(lines: Iterable[OrderLine], wanted: int | None = None) -> Walk:
    """Shelf by shelf, cold goods last; now is line `wanted` if it is open, else the first open one.

    `lines` come with their products.
    """
    path = sorted(lines, key=lambda line: (line.product.is_cold, line.product.shelf or "~", line.line_no))
    open_lines = [line for line in path if line.state == OrderLine.State.OPEN]
    chosen = next((line for line in open_lines if line.line_no == wanted), None)
    return Walk(path, chosen or next(iter(open_lines), None))


def check_scan(line: OrderLine, barcode: str, *, found: str) -> None:
    """Nothing when the code is this line's; else BarcodeWrong, naming what was `found` (the code, when unknown)."""
    if barcode != line.product.barcode:
        raise BarcodeWrong(field="barcode", found=found or barcode, wanted=line.name)
