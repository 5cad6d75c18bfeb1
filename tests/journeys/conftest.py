"""What several stories do in the same way, as `story`."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, expect

from tests.product import Program
from tests.windows import Window

ORDER = re.compile(r"ord_[a-z0-9]{16}")
DOOR = {
    "name": "Ana Lima",
    "phone": "13800132071",
    "line": "18 Maple Lane, Unit 502",
    "city": "Shanghai",
    "location": {"lat": 31.233, "lng": 121.478},
}


class Story:
    """The small steps that every story has in common."""

    def fills_in_the_door(self, window: Window) -> None:
        """Name, phone and door on the checkout page, whatever it still knows from an earlier order."""
        window.page.wait_for_url("**/checkout/**")  # before it is counted what is there
        if window.page.get_by_label("Another address").count():
            window.chooses("Another address")
        window.writes("Street, house, unit", "18 Maple Lane, Unit 502")
        window.writes("Name", "Ana Lima")
        window.writes("Mobile number", "138 0013 2071")

    def places_the_order(self, window: Window) -> str:
        """Press the one button; returns the number of the order."""
        window.presses("Place order · ")
        window.page.wait_for_url(ORDER)
        return ORDER.search(window.page.url)[0]

    def a_bowl(self, program: Program) -> tuple[str, dict[str, object]]:
        """The noodle house, and two of its bowls with every choice that a bowl needs, as a program orders them."""
        shop = next(shop for shop in program.get("/restaurants")["results"] if shop["trade"] == "MEAL")
        menu = program.get(f"/restaurants/{shop['restaurantId']}/menu")
        bowl = next(product for product in menu["products"] if product["name"] == "Beef hand-pulled noodles")
        chosen = [{"optionId": group["options"][0]["optionId"]} for group in bowl["groups"] if group["least"]]
        return shop["restaurantId"], {"productId": bowl["productId"], "quantity": 2, "options": chosen}

    def wish(self, program: Program, method: str) -> dict[str, object]:
        """What a program posts to order two bowls."""
        shop, bowl = self.a_bowl(program)
        return {"restaurantId": shop, "items": [bowl], "address": DOOR, "paymentMethod": method}

    def orders(self, program: Program, method: str = "CASH") -> str:
        """Let a program order two bowls; returns the number of the order."""
        return str(program.post("/orders", self.wish(program, method), Idempotency_Key=str(uuid4()))["orderId"])

    def ticket(self, board: Window, order: str, column: str) -> Locator:
        """The order's ticket, once it stands in this column of the board."""
        ticket = board.page.locator(f"#column-{column} [data-ticket={order}]")
        expect(ticket).to_be_visible(timeout=20_000)
        return ticket


@pytest.fixture
def story() -> Story:
    """The common steps."""
    return Story()
