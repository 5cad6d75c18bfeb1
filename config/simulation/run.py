"""One run: everybody acts for a while, then what still runs is carried to its end, then it is counted."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from config.demo.people import PASSWORD
from config.simulation.door import Door
from config.simulation.life import LOOK_SECONDS, World, customer_orders, rider_rides, shop_works, trying
from config.simulation.tally import Tally

CUSTOMERS = ("ana", "leo", "mei")
SHOPKEEPERS = {"MEAL": "bruno", "GROCERY": "chen", "DIGITAL": "dana"}
RIDERS = ("ravi", "rosa")
Menu = dict[str, Any]
TIMEOUT = httpx.Timeout(15.0, connect=5.0)


@dataclass(frozen=True)
class Plan:
    """What was asked for: addresses, rate, how long, how long to wait for the rest, and the seed."""

    url: str
    simulator_url: str
    per_minute: float
    seconds: float
    grace_seconds: float
    seed: int


async def run(plan: Plan, say: Callable[[str], None]) -> Tally:
    """Live it; `say` gets a progress line each second."""
    tally = Tally()
    limits = httpx.Limits(max_connections=64)
    async with (
        httpx.AsyncClient(base_url=plan.url, timeout=TIMEOUT, limits=limits, trust_env=False) as http,
        httpx.AsyncClient(
            base_url=plan.simulator_url, timeout=TIMEOUT, limits=limits, trust_env=False, follow_redirects=True
        ) as simulator,
    ):
        world = World(http, simulator, tally, random.Random(plan.seed))  # noqa: S311 - a simulation, repeatable
        await _live(world, plan, say)
    return tally


async def _live(world: World, plan: Plan, say: Callable[[str], None]) -> None:
    menus = await _menus(world)
    customers = [Door(world.http, name, PASSWORD) for name in CUSTOMERS]
    async with asyncio.TaskGroup() as everybody:
        for trade, name in SHOPKEEPERS.items():
            everybody.create_task(shop_works(world, Door(world.http, name, PASSWORD), trade))
        for name in RIDERS:
            everybody.create_task(rider_rides(world, Door(world.http, name, PASSWORD)))
        everybody.create_task(_tell(world, say))
        await _arrive(world, plan, menus, customers)
        await _settle(world, plan, customers)
        world.over.set()
    world.tally.stuck = sorted(world.orders)


async def _menus(world: World) -> list[Menu]:
    shops = (await world.http.get("/api/v1/restaurants")).raise_for_status().json()["results"]
    return [
        (await world.http.get(f"/api/v1/restaurants/{shop['restaurantId']}/menu")).raise_for_status().json()
        for shop in shops
    ]


async def _arrive(world: World, plan: Plan, menus: list[Menu], customers: list[Door]) -> None:
    """Customers arrive as a Poisson stream."""
    end = time.monotonic() + plan.seconds
    async with asyncio.TaskGroup() as arrivals:
        while time.monotonic() < end:
            door, menu = world.random.choice(customers), world.random.choice(menus)
            arrivals.create_task(customer_orders(world, door, menu))
            await asyncio.sleep(world.random.expovariate(plan.per_minute / 60))


async def _settle(world: World, plan: Plan, customers: list[Door]) -> None:
    """Wait until nothing runs any more, at most the grace time; customers keep looking at their orders."""
    end = time.monotonic() + plan.grace_seconds
    while world.orders and time.monotonic() < end:
        for door in customers:
            page = await trying(world, partial(door.get, "/orders?limit=100"))
            for order in page["results"] if page else ():
                world.saw(order)
        await asyncio.sleep(LOOK_SECONDS)


async def _tell(world: World, say: Callable[[str], None]) -> None:
    while not world.over.is_set():
        say(world.tally.line())
        await world.pause(1.0)
