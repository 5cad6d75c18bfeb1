"""When will it be there? A pace rule for the promise made at order time; tracking refines it on the way.

Pure calculation. The rule is 8.3 minutes plus 1.7 minutes a kilometre of road, road taken as 1.35 × the
straight line; the window is rounded outwards to the minute.
"""

import math
from datetime import datetime, timedelta
from typing import NamedTuple

EARTH_M = 6_371_008.8  # mean radius, metres
ROAD_FACTOR = 1.35
BASE_MINUTES = 8.3
MINUTES_PER_KM = 1.7
SLACK = 0.25  # the window's width as a share of the whole


class Window(NamedTuple):
    """Between when and when; `minutes` is the middle, counted from the start."""

    start: datetime
    end: datetime
    minutes: int


def distance_m(from_lat: float, from_lon: float, to_lat: float, to_lon: float) -> float:
    """Great-circle distance in metres (haversine)."""
    a, b = math.radians(from_lat), math.radians(to_lat)
    chord = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(to_lon - from_lon) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(chord))


def travel_minutes(straight_m: float) -> float:
    """Minutes on the road for a straight-line distance."""
    return BASE_MINUTES + MINUTES_PER_KM * ROAD_FACTOR * straight_m / 1000


def window(at: datetime, prepare_minutes: float, travel: float) -> Window:
    """The promise for something ready `prepare_minutes` after `at` that then travels `travel` minutes."""
    middle = prepare_minutes + travel
    half = max(3.0, middle * SLACK / 2)
    start = at + timedelta(minutes=max(0.0, middle - half))
    end = at + timedelta(minutes=middle + half)
    start = start.replace(second=0, microsecond=0)
    end = end.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return Window(start, end, math.ceil(middle))
