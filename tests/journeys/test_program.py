"""Ivy's program buys a meal, a shop's program cooks it, a rider's program carries it: the whole story by REST."""

from uuid import uuid4

from config.local.processes import wait_until
from notifications.live.client import Line
from tests.product import STACK

pytestmark = STACK


def test_a_meal_is_ordered_paid_cooked_and_carried_by_programs(product, story):
    """Each step is one call; the order's own page of events tells the same story, without a gap."""
    ivy, bruno, ravi = product.program(), product.program("bruno"), product.program("ravi")
    wish = story.wish(ivy, "WECHAT")
    key = str(uuid4())
    placed = ivy.post("/orders", wish, Idempotency_Key=key)
    again = ivy.post("/orders", wish, Idempotency_Key=key)
    assert placed["status"] == "PENDING"
    assert placed["paymentStatus"] == "UNPAID"
    assert placed["total"] == {"amount": "56.00", "currency": "CNY"}  # two bowls of ¥26.00, delivery ¥4.00
    assert again["orderId"] == placed["orderId"]  # said twice, ordered once
    order = f"/orders/{placed['orderId']}"

    way = ivy.post(f"{order}/payments", Idempotency_Key=f"{key}-pays")
    product.scans_and_pays(way["codeUrl"])
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


def test_a_program_with_a_ticket_follows_its_order_live(product, story):
    """The line greets with the order as it is, then says each step as it happens, once and in order."""
    ana, bruno = product.program("ana"), product.program("bruno")
    order = story.orders(ana)
    line = Line(product.address, ticket=lambda: ana.post("/live/tickets")["ticket"], ways=["socket"])
    line.follow(f"order/{order}")
    frames = iter(line)

    def hears(kind):
        return next(frame for frame in frames if frame["type"] == kind)

    assert hears("snapshot")["data"]["status"] == "PENDING"
    bruno.post(f"/orders/{order}/confirm", {"minutes": 10})
    accepted = hears("order.confirmed")
    bruno.post(f"/orders/{order}/start")
    started = hears("order.preparing")
    frames.close()
    assert (accepted["data"]["status"], started["data"]["status"]) == ("CONFIRMED", "PREPARING")
    assert started["version"] == accepted["version"] + 1
    assert line.states[f"order/{order}"]["status"] == "PREPARING"


def test_a_stranger_s_program_finds_nothing(product, story):
    """An order is nobody else's business: not readable, not movable, not followable."""
    ana = product.program("ana")
    order = story.orders(ana, "WECHAT")
    leo = product.program("leo")
    for verb in ("", "/events"):
        assert leo.asks("GET", f"/orders/{order}{verb}").status_code == 404
    for verb in ("cancel", "confirm", "payments", "claim", "hand-over"):
        assert leo.asks("POST", f"/orders/{order}/{verb}").status_code in {404, 422}
    assert ana.post(f"/orders/{order}/cancel")["status"] == "CANCELLED"
