"""Ivy's program buys a meal, a shop's program cooks it, a rider's program carries it: the whole story by REST."""

import json

import httpx
from websockets.sync.client import connect

from config.local.processes import wait_until
from tests.product import STACK

pytestmark = STACK

DOOR = {
    "name": "Ivy Chan",
    "phone": "13800132099",
    "line": "4 Willow Court, Flat 12",
    "city": "Shanghai",
    "location": {"lat": 31.233, "lng": 121.478},
}


def noodles(program):
    """The noodle house, and one bowl with everything a bowl must say."""
    shops = program.get("/restaurants")["results"]
    shop = next(shop for shop in shops if shop["trade"] == "MEAL")
    menu = program.get(f"/restaurants/{shop['restaurantId']}/menu")
    bowl = next(product for product in menu["products"] if product["name"] == "Beef hand-pulled noodles")
    chosen = [{"optionId": group["options"][0]["optionId"]} for group in bowl["groups"] if group["least"]]
    return shop["restaurantId"], {"productId": bowl["productId"], "quantity": 2, "options": chosen}


def pays_by_scanning(way):
    """The buyer's phone scans the code and presses pay."""
    with httpx.Client(trust_env=False, follow_redirects=True) as phone:
        page = phone.get(way["cashier"], params={"code_url": way["codeUrl"]})
        phone.post(str(page.url), data={"decision": "pay"}).raise_for_status()


def test_a_meal_is_ordered_paid_cooked_and_carried_by_programs(product):
    """Each step is one call; the order's own page of events tells the same story, without a gap."""
    ivy, bruno, ravi = product.program(), product.program("bruno"), product.program("ravi")
    shop, bowl = noodles(ivy)
    wish = {"restaurantId": shop, "items": [bowl], "address": DOOR, "paymentMethod": "WECHAT"}

    placed = ivy.post("/orders", wish, Idempotency_Key="ivy-lunch-1")
    again = ivy.post("/orders", wish, Idempotency_Key="ivy-lunch-1")
    assert placed["status"] == "PENDING"
    assert placed["paymentStatus"] == "UNPAID"
    assert placed["total"] == {"amount": "56.00", "currency": "CNY"}  # two bowls of ¥26.00, delivery ¥4.00
    assert again["orderId"] == placed["orderId"]  # said twice, ordered once
    order = f"/orders/{placed['orderId']}"

    way = ivy.post(f"{order}/payments", Idempotency_Key="ivy-pays-1")
    pays_by_scanning(way | {"cashier": f"{product.cashier}/scan"})
    assert wait_until(lambda: ivy.get(order)["paymentStatus"] == "PAID", seconds=10)

    assert bruno.post(f"{order}/confirm", {"minutes": 15})["status"] == "CONFIRMED"
    assert bruno.post(f"{order}/start")["status"] == "PREPARING"
    assert bruno.post(f"{order}/ready")["status"] == "READY"

    assert placed["orderId"] in [job["orderId"] for job in ravi.get("/jobs")["results"]]
    ravi.post(f"{order}/claim")
    assert ravi.post(f"{order}/pick-up")["status"] == "ON_DELIVERY"
    said_at_the_door = ivy.get(order)["doorCode"]
    assert ravi.post(f"{order}/hand-over", {"code": said_at_the_door})["status"] == "COMPLETED"

    told = ivy.get(f"{order}/events")
    versions = [event["version"] for event in told["results"]]
    assert versions == list(range(1, told["version"] + 1))
    steps = [event["data"]["status"] for event in told["results"] if "status" in event["data"]]
    assert list(dict.fromkeys(steps)) == ["PENDING", "CONFIRMED", "PREPARING", "READY", "ON_DELIVERY", "COMPLETED"]


def test_a_program_with_a_session_follows_its_order_on_the_socket(product):
    """The socket greets with the order as it is, then says each step as it happens, once and in order."""
    ana, bruno = product.program("ana"), product.program("bruno")
    shop, bowl = noodles(ana)
    wish = {"restaurantId": shop, "items": [bowl], "address": DOOR, "paymentMethod": "CASH"}
    placed = ana.post("/orders", wish, Idempotency_Key="ana-follows-1")
    order = placed["orderId"]
    line = connect(
        f"{product.address.replace('http', 'ws')}/live/ws",
        subprotocols=["lockstep.v1"],
        additional_headers={"Cookie": f"sessionid={product.session('ana')}", "Origin": product.address},
    )

    def hears(kind):
        while (frame := json.loads(line.recv(timeout=20)))["type"] != kind:
            pass
        return frame

    with line:
        line.send(json.dumps({"type": "subscribe", "topic": f"order/{order}"}))
        assert hears("snapshot")["data"]["status"] == "PENDING"
        bruno.post(f"/orders/{order}/confirm", {"minutes": 10})
        accepted = hears("order.confirmed")
        bruno.post(f"/orders/{order}/start")
        started = hears("order.preparing")
    assert (accepted["data"]["status"], started["data"]["status"]) == ("CONFIRMED", "PREPARING")
    assert started["version"] == accepted["version"] + 1


def test_a_stranger_s_program_finds_nothing(product):
    """An order is nobody else's business: not readable, not movable, not followable."""
    ana = product.program("ana")
    shop, bowl = noodles(ana)
    wish = {"restaurantId": shop, "items": [bowl], "address": DOOR, "paymentMethod": "WECHAT"}
    order = ana.post("/orders", wish, Idempotency_Key="ana-private-1")["orderId"]
    leo = product.program("leo")
    for verb in ("", "/events"):
        assert leo.asks("GET", f"/orders/{order}{verb}").status_code == 404
    for verb in ("cancel", "confirm", "payments", "claim", "hand-over"):
        assert leo.asks("POST", f"/orders/{order}/{verb}").status_code in {404, 422}
    assert ana.post(f"/orders/{order}/cancel")["status"] == "CANCELLED"
