"""The people: each is a coroutine that keeps doing what such a person does until the run is over."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from config.simulation.door import Door, Refused
from config.simulation.tally import Tally

ENDED = {"COMPLETED", "CANCELLED"}
RANK = ("PENDING", "CONFIRMED", "PREPARING", "READY", "ON_DELIVERY", "COMPLETED", "CANCELLED")
LOOK_SECONDS = 0.5  # how often somebody looks at their list
PAY_SECONDS = 20.0  # how long a customer waits to see the payment
CHANGES_MIND = 0.03  # share of customers who cancel instead of paying
MOST_MINUTES = 15


@dataclass
class World:
    """What everybody shares."""

    http: httpx.AsyncClient
    simulator: httpx.AsyncClient
    tally: Tally
    random: random.Random
    over: asyncio.Event = field(default_factory=asyncio.Event)
    seen: dict[str, tuple[int, str]] = field(default_factory=dict)  # order → version and status last seen by anybody
    orders: dict[str, Door] = field(default_factory=dict)  # those that still run → who placed them

    def saw(self, order: dict[str, Any]) -> None:
        """Somebody's screen shows this; a version with an earlier status than before is a broken promise."""
        order_id, version, status = order["orderId"], order["version"], order["status"]
        before = self.seen.get(order_id)
        if before and version > before[0] and RANK.index(status) < RANK.index(before[1]):
            self.tally.backwards.append(order_id)
        if not before or version > before[0]:
            self.seen[order_id] = (version, status)
        if order_id in self.orders and status in ENDED:
            del self.orders[order_id]
            self.tally.counts["completed" if status == "COMPLETED" else "cancelled"] += 1

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the run."""
        try:
            await asyncio.wait_for(self.over.wait(), seconds)
        except TimeoutError:
            return


async def trying(world: World, act: Callable[[], Awaitable[Any]]) -> Any:
    """Do something that may be refused; a refusal is counted and answered with None."""
    try:
        return await act()
    except Refused as refusal:
        world.tally.refused[refusal.code] += 1
        if refusal.status == 429:
            await world.pause(refusal.retry_after)
    except httpx.TransportError as error:
        world.tally.refused[type(error).__name__] += 1
    return None


async def customer_orders(world: World, door: Door, menu: dict[str, Any]) -> None:
    """One customer: order, pay at the gateway's cashier, watch the page until the payment shows."""
    began = time.monotonic()
    key = str(UUID(int=world.random.getrandbits(128)))
    order = await trying(world, lambda: door.post("/orders", basket(world, menu), key=key))
    if order is None:
        return
    world.tally.counts["placed"] += 1
    world.tally.seconds["order placed"].append(time.monotonic() - began)
    world.orders[order["orderId"]] = door
    world.saw(order)
    if order["paymentStatus"] == "DUE_ON_DELIVERY":
        return
    if world.random.random() < CHANGES_MIND:
        cancelled = await trying(world, lambda: door.post(f"/orders/{order['orderId']}/cancel"))
        if cancelled:
            world.saw(cancelled)
        return
    await _pay(world, door, order["orderId"])


async def _pay(world: World, door: Door, order_id: str) -> None:
    channel = await trying(world, lambda: door.post(f"/orders/{order_id}/payments", key=f"pay-{order_id}"))
    if channel is None:
        return
    await world.pause(world.random.uniform(0.2, 1.5))
    began = time.monotonic()
    await _press_pay(world, channel)
    while time.monotonic() - began < PAY_SECONDS:
        order = await trying(world, lambda: door.get(f"/orders/{order_id}"))
        if order:
            world.saw(order)
        if order and order["paymentStatus"] not in {"UNPAID", "PROCESSING"}:
            world.tally.counts["paid"] += 1
            world.tally.seconds["paid → seen"].append(time.monotonic() - began)
            return
        await asyncio.sleep(0.1)
    world.tally.counts["payment not seen"] += 1


async def _press_pay(world: World, channel: dict[str, Any]) -> None:
    """Open the cashier as a phone or browser would and press its button."""
    if channel.get("codeUrl"):
        page = await world.simulator.get("/scan", params={"code_url": channel["codeUrl"]})
    else:
        page = await world.simulator.get(channel["redirectUrl"])
    await world.simulator.post(str(page.url), data={"decision": "pay"}, follow_redirects=False)


def basket(world: World, menu: dict[str, Any]) -> dict[str, Any]:
    """A believable order from one menu."""
    dice = world.random
    digital = menu["trade"] == "DIGITAL"
    goods = [product for product in menu["products"] if not product["soldOut"]]
    chosen = dice.sample(goods, k=min(len(goods), 1 if digital else dice.randint(2, 4)))
    items = [
        {"productId": product["productId"], "quantity": dice.choice((1, 1, 1, 2)), "options": _options(dice, product)}
        for product in chosen
    ]
    spot = menu["location"]
    address = {
        "name": dice.choice(("Ana", "Leo", "Mei")),
        "phone": f"138{dice.randrange(10**8):08d}",
        "line": f"{dice.randint(1, 99)} Maple Lane",
        "location": {"lat": spot["lat"] + dice.uniform(-0.01, 0.01), "lng": spot["lng"] + dice.uniform(-0.01, 0.01)},
    }
    method = dice.choice(("WECHAT", "ALIPAY") if digital else ("WECHAT", "WECHAT", "ALIPAY", "CASH"))
    return {
        "restaurantId": menu["restaurantId"],
        "items": items,
        "address": {} if digital else address,
        "paymentMethod": method,
    }


def _options(dice: random.Random, product: dict[str, Any]) -> list[dict[str, str]]:
    chosen: list[dict[str, str]] = []
    for group in product["groups"]:
        offered = [option for option in group["options"] if not option["soldOut"]]
        count = dice.randint(group["least"], min(group["most"], len(offered)))
        chosen += [{"optionId": option["optionId"]} for option in dice.sample(offered, k=count)]
    return chosen


async def shop_works(world: World, door: Door, trade: str) -> None:
    """One shop: accept what is new, start, pick, pack; what it cannot do now it does at the next look."""
    while not world.over.is_set():
        page = await trying(world, lambda: door.get("/orders?limit=100"))
        for order in page["results"] if page else ():
            world.saw(order)
            await _shop_step(world, door, order, trade)
        await world.pause(LOOK_SECONDS)


async def _shop_step(world: World, door: Door, order: dict[str, Any], trade: str) -> None:
    ref, settled = f"/orders/{order['orderId']}", order["paymentStatus"] not in {"UNPAID", "PROCESSING"}
    if order["status"] == "PENDING" and settled:
        minutes = world.random.choice((10, 15, 20))
        await _say(world, door, f"{ref}/confirm", {"minutes": min(minutes, MOST_MINUTES)})
    elif order["status"] == "CONFIRMED":
        await _say(world, door, f"{ref}/start", {})
    elif order["status"] == "PREPARING" and trade != "DIGITAL":
        if trade == "GROCERY":
            detail = await trying(world, lambda: door.get(ref))
            for line in detail["lines"] if detail else ():
                await _say(world, door, f"{ref}/pick", {"line": line["line"]})
        await _say(world, door, f"{ref}/ready", {})


async def rider_rides(world: World, door: Door) -> None:
    """One rider: take the first open job, collect it, ask the customer for the code, hand over."""
    while not world.over.is_set():
        page = await trying(world, lambda: door.get("/jobs"))
        ready = [job for job in (page["results"] if page else ()) if job["status"] == "READY"]
        for job in ready[:5]:
            await _carry(world, door, job["orderId"])
        if not ready:
            await world.pause(LOOK_SECONDS)


async def _carry(world: World, door: Door, order_id: str) -> None:
    ref = f"/orders/{order_id}"
    for verb in ("claim", "pick-up"):
        if not await _say(world, door, f"{ref}/{verb}", {}):
            return
    customer = world.orders.get(order_id)
    detail = await trying(world, lambda: customer.get(ref)) if customer else None
    if detail is None:
        return
    if detail["paymentStatus"] == "DUE_ON_DELIVERY":
        await _say(world, door, f"{ref}/cash", {"amount": detail["total"]["amount"]})
    await _say(world, door, f"{ref}/hand-over", {"code": detail.get("doorCode", "")})


async def _say(world: World, door: Door, path: str, body: dict[str, Any]) -> bool:
    order = await trying(world, lambda: door.post(path, body))
    if order:
        world.saw(order)
    return order is not None
