"""Bars: values in, rectangles of whole numbers out. Pure. The template draws them as SVG without any inline style."""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 720, 160  # of the drawing; it is stretched to its place
GAP = 0.22  # of a step, between two bars
LEAST = 2  # the height of a bar whose value is not zero


class Bar(NamedTuple):
    """One bar, with what it stands for. `is_below`: the value is less than nothing and hangs from the zero line."""

    x: float
    y: float
    width: float
    height: float
    value: int
    name: str
    is_below: bool


class Chart(NamedTuple):
    """Bars from left to right, the height of the zero line, and the largest value."""

    bars: list[Bar]
    zero: float
    most: int


def bars(values: Sequence[tuple[str, int]]) -> Chart:
    """A bar for each (name, value); all share one scale, which has zero in it."""
    most = max([0, *(value for _name, value in values)])
    least = min([0, *(value for _name, value in values)])
    scale = HEIGHT / ((most - least) or 1)
    zero = round(most * scale, 1)
    step = WIDTH / max(1, len(values))
    found = []
    for number, (name, value) in enumerate(values):
        height = max(LEAST, round(abs(value) * scale, 1)) if value else 0
        top = zero if value < 0 else max(0.0, zero - height)
        left = number * step + step * GAP / 2
        found.append(Bar(round(left, 1), round(top, 1), round(step * (1 - GAP), 1), height, value, name, value < 0))
    return Chart(found, zero, most)
