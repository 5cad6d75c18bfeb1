"""One order in every state, so that every page has something to show; test_pages.py looks at them."""

from typing import Any
from uuid import uuid4

from config.local.processes import wait_until
from tests.product import Product, Program

DOOR = {
    "name": "Mei Lin",
    "phone": "13800132073",
    "line": "27 Lantern Street, Unit 1803",
    "city": "Shanghai",
    "location": {"lat": 31.2335, "lng": 121.4791},
}
CARRIED = {"claim", "pick-up", "cash", "hand-over"}  # what the rider does


class World:
    """Mei's orders by the state they are in; shops by their trade."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.mei, self.rosa = product.program("mei"), product.program("rosa")
        self.keepers = {"MEAL": "bruno", "GROCERY": "chen", "DIGITAL": "dana"}
        self._programs = {trade: product.program(name) for trade, name in self.keepers.items()}
        shops = self.mei.get("/restaurants")["results"]
        self.shops = {shop["trade"]: shop["restaurantId"] for shop in shops}
        self.menus = {trade: self.mei.get(f"/restaurants/{ref}/menu") for trade, ref in self.shops.items()}

    def product_id(self, trade: str, name: str) -> str:
        """One product of a shop."""
        return str(next(good["productId"] for good in self.menus[trade]["products"] if good["name"] == name))

    def place(self, trade: str, *names: str, method: str = "WECHAT", note: str = "") -> str:
        """Order these."""
        goods = [good for good in self.menus[trade]["products"] if good["name"] in names]
        items = [
            {
                "productId": good["productId"],
                "quantity": 1,
                "options": [_first(group) for group in good["groups"] if group["least"]],
            }
            for good in goods
        ]
        wish: dict[str, Any] = {
            "restaurantId": self.shops[trade],
            "items": items,
            "paymentMethod": method,
            "note": note,
        }
        wish["address"] = {} if trade == "DIGITAL" else DOOR
        return str(self.mei.post("/orders", wish, Idempotency_Key=str(uuid4()))["orderId"])

    def pay(self, order: str) -> str:
        """Scan, press pay, and wait until it is known."""
        way = self.mei.post(f"/orders/{order}/payments", {"channel": "WECHAT"}, Idempotency_Key=f"pay-{order}")
        self.product.scans_and_pays(way["codeUrl"])
        assert wait_until(lambda: self.mei.get(f"/orders/{order}")["paymentStatus"] == "PAID", seconds=30)
        return order

    def walk(self, order: str, *verbs: str, trade: str = "MEAL") -> str:
        """Let shop and rider do these one after the other."""
        for verb in verbs:
            who: Program = self.rosa if verb in CARRIED else self._programs[trade]
            body: dict[str, Any] = {"minutes": 15} if verb == "confirm" else {}
            if verb == "hand-over":
                body = {"code": self.mei.get(f"/orders/{order}")["doorCode"]}
            if verb == "cash":
                body = {"amount": self.mei.get(f"/orders/{order}")["total"]["amount"]}
            who.post(f"/orders/{order}/{verb}", body)
        return order


def _first(group: dict[str, Any]) -> dict[str, str]:
    return {"optionId": group["options"][0]["optionId"]}
