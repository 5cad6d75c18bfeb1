"""What a way is and what it pays: pure calculation, called by jobs.py and services.py."""

import math

from orders.promise import ROAD_FACTOR, distance_m

BASE_MINOR = 400  # for every job
PER_KM_MINOR = 240  # for each kilometre of road
ROUND_MINOR = 10  # rounded up to the next ten fen
IN_VAIN_MINOR = 300  # when the order is cancelled before it was collected


def road_m(from_lat: float, from_lon: float, to_lat: float, to_lon: float) -> int:
    """Metres on the road between two places (WGS-84): the straight line × 1.35, in steps of 10 m."""
    return round(distance_m(from_lat, from_lon, to_lat, to_lon) * ROAD_FACTOR / 10) * 10


def pay_minor(way_m: int) -> int:
    """What a rider gets for carrying over `way_m` metres, in minor units."""
    exact = BASE_MINOR + PER_KM_MINOR * way_m / 1000
    return math.ceil(exact / ROUND_MINOR) * ROUND_MINOR


def as_km(way_m: int) -> str:
    """`2.3` for 2,310 metres; never `0.0` for a way that exists."""
    return f"{max(way_m, 100 if way_m else 0) / 1000:.1f}"
