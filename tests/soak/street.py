"""The people of a soak: they act out the plan's scripts through the public doors, and meet whatever is in the way.

driver.py hands every act here. Customers and shops use REST with API keys, buyers the gateways' cashier page; only what
no door offers (another amount, money for a closed trade, spoilt keys, the gateway's console) goes behind the backs.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import psycopg

from tests.soak.plan import Script
from tests.soak.scenes import Act

AGAIN = 12  # tries of a call that found nobody, because the process that should answer had just died
PATIENCE = 20.0  # seconds for one answer
ADDRESS = {
    "name": "Ana Lima",
    "phone": "13800132071",
    "line": "18 Maple Lane",
    "location": {"lat": 31.23, "lng": 121.47},
}
SPOIL = """
UPDATE orders_key SET state = 'VOID' WHERE state = 'RESERVED' AND id IN
    (SELECT key_id FROM orders_keyissue WHERE order_id = (SELECT id FROM orders_order WHERE public_id = %s))
"""


@dataclass
class Case:
    """One order while it is acted out: its script, its number, and the ways to pay it was given."""

    script: Script
    order_id: str = ""
    ways: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # out_trade_no, the shop's answer
    placed_at: float = 0.0  # in seconds of the soak


class Street:
    """Everybody who is not the shop's software. Safe to use from many threads."""

    def __init__(self, shop: str, simulator: str, town: dict[str, Any], database: str, crashes: Path) -> None:
        self.met: Counter[str] = Counter()  # what people were told, e.g. "start: 503 gateway_unreachable"
        self.faults: Counter[str] = Counter()  # what they did behind the backs
        self.broken: list[str] = []  # answers no program may give
        limits = httpx.Limits(max_keepalive_connections=0)
        self._shop = httpx.Client(base_url=shop, timeout=PATIENCE, trust_env=False, limits=limits)
        self._gateways = httpx.Client(base_url=simulator, timeout=PATIENCE, trust_env=False)
        self._town, self._database, self._crashes = town, database, crashes

    def place(self, case: Case) -> bool:
        """Order; False when the shop had nothing left."""
        script, shop = case.script, self._town["shops"][case.script.trade]
        goods = shop["goods"] if script.trade == "GROCERY" else shop["goods"][:1]
        if script.rare >= 0:
            goods = [shop["rare"][script.rare]]
        body: dict[str, Any] = {
            "restaurantId": shop["id"],
            "items": [{"productId": product, "quantity": script.quantity} for product in goods],
            "paymentMethod": script.channel,
        }
        if script.trade != "DIGITAL":
            body["address"] = ADDRESS
        told = self._ask("place", "orders", self._buyer(script), body, key=f"place-{script.index}")
        if told is None:
            return False
        case.order_id = told["orderId"]
        if script.crashes:
            (self._crashes / case.order_id).touch()
        return True

    def act(self, case: Case, act: Act) -> None:
        """Do one thing."""
        verbs: dict[str, Callable[[Case, Act], None]] = {
            "start": self._start, "pay": self._pay, "decline": self._decline, "cancel": self._cancel,
            "look": self._look,
            "claim": self._ride, "pick-up": self._ride, "hand-over": self._ride, "cash": self._ride,
            "spoil-keys": self._spoil_keys, "console-refund": self._console_refund,
        }  # fmt: skip
        verbs.get(act.verb, self._kitchen)(case, act)

    def oracle(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask or tell the simulator; None when its books say no."""
        if body is None:
            answer = self._gateways.get(f"/oracle/{path}")
        else:
            answer = self._gateways.post(f"/oracle/{path}", json=body)
        if answer.status_code in {404, 409}:
            return None
        return answer.raise_for_status().json()

    # ── customers ────────────────────────────────────────────────────────────────────────────────
    def _start(self, case: Case, act: Act) -> None:
        told = self._ask("start", f"orders/{case.order_id}/payments", self._buyer(case.script), dict(act.facts))
        if told is None:
            return
        address = told.get("redirectUrl") or told["codeUrl"]
        if "codeUrl" in told:
            trade = self.oracle(f"codes?{httpx.QueryParams(code_url=address)}")
            number = trade["out_trade_no"] if trade else ""
        elif "/cashier/" in address:  # WeChat's h5 page
            token = urlsplit(address).path.rpartition("/")[2]
            number = self.oracle(f"codes?{httpx.QueryParams(code_url=f'x={token}')}")["out_trade_no"]
        else:  # Alipay's signed address
            number = orjson.loads(parse_qs(urlsplit(address).query)["biz_content"][0])["out_trade_no"]
        if all(number != known for known, _told in case.ways):
            case.ways.append((number, told))

    def _pay(self, case: Case, act: Act) -> None:
        if act.way >= len(case.ways):
            self.met["pay: was given no way to pay"] += 1
            return
        number, told = case.ways[act.way]
        self._open(told)
        if not act.facts:
            self._decide(told, "pay")
            return
        body: dict[str, Any] = {"out_trade_no": number} | {
            name: True for name in ("late", "silent") if act.facts.get(name)
        }
        if "more" in act.facts:
            trade = self.oracle(f"trades/{number}")
            body["amount"] = max(1, (trade["amount"] if trade else 0) + act.facts["more"])
        paid = self.oracle("pay", body)
        self.met["pay: " + ("done" if paid else "refused by the gateway")] += 1
        if paid and "more" in act.facts:
            self.faults["another amount"] += 1
        if paid and act.facts.get("late"):
            self.faults["paid late"] += 1

    def _decline(self, case: Case, _act: Act) -> None:
        if case.ways:
            self._decide(case.ways[-1][1], "decline")

    def _cancel(self, case: Case, _act: Act) -> None:
        self._ask("cancel", f"orders/{case.order_id}/cancel", self._buyer(case.script))

    def _look(self, case: Case, _act: Act) -> None:
        self._gateways.get("/healthz")
        self._ask("look", f"orders/{case.order_id}", self._buyer(case.script), method="GET")

    def _open(self, told: dict[str, Any]) -> str:
        """The buyer scans the code or follows the link, again when a fault is in the way; returns its page."""
        address = told.get("redirectUrl") or f"/scan?{httpx.QueryParams(code_url=told['codeUrl'])}"
        for _again in range(AGAIN):
            with suppress(httpx.TransportError):
                page = self._gateways.get(address, follow_redirects=True)
                if "/cashier/" in str(page.url):
                    return str(page.url)
        raise RuntimeError(f"the cashier cannot be reached by {address}")

    def _decide(self, told: dict[str, Any], decision: str) -> None:
        answer = self._gateways.post(self._open(told), data={"decision": decision}, follow_redirects=False)
        self.met[f"{decision}: " + ("refused by the gateway" if answer.status_code in {404, 409} else "done")] += 1

    # ── shops, warehouses, the gateway's own people ──────────────────────────────────────────────
    def _kitchen(self, case: Case, act: Act) -> None:
        owner = self._town["shops"][case.script.trade]["key"]
        bodies = {"confirm": {"minutes": 15}, "reject": {"why": "BUSY"}, "strike-out": {"line": 2, "quantity": 1}}
        verb = "start" if act.verb == "start-preparing" else act.verb
        self._ask(act.verb, f"orders/{case.order_id}/{verb}", owner, bodies.get(act.verb, {}))

    def _ride(self, case: Case, act: Act) -> None:
        body: dict[str, Any] = {}
        if act.verb in {"hand-over", "cash"}:  # the customer says the code, the order the amount
            told = self._ask("look", f"orders/{case.order_id}", self._buyer(case.script), method="GET") or {}
            body = (
                {"code": told.get("doorCode", "")} if act.verb == "hand-over" else {"amount": told["total"]["amount"]}
            )
        self._ask(act.verb, f"orders/{case.order_id}/{act.verb}", self._town["rider"], body)

    def _spoil_keys(self, case: Case, _act: Act) -> None:
        with psycopg.connect(self._database) as connection:
            self.faults["reserved keys spoilt"] += connection.execute(SPOIL, [case.order_id]).rowcount > 0

    def _console_refund(self, case: Case, act: Act) -> None:
        """Somebody at the gateway's own pages gives a part back, because the order shows that it was paid."""
        told = self._ask("look", f"orders/{case.order_id}", self._buyer(case.script), method="GET")
        if told is None or told["paymentStatus"] != "PAID":
            return
        number = case.ways[-1][0] if case.ways else ""
        trade = self.oracle(f"trades/{number}") if number else None
        left = trade["captured"] - trade["refunded"] if trade else 0
        if left < 2:
            return
        amount = left // 2
        if self.oracle("console_refund", {"out_trade_no": number, "amount": amount, **act.facts}):
            self.faults["console refund"] += 1

    # ── doors ────────────────────────────────────────────────────────────────────────────────────
    def _buyer(self, script: Script) -> str:
        keys: list[str] = self._town["buyers"]
        return keys[script.index % len(keys)]

    def _ask(
        self,
        what: str,
        path: str,
        secret: str,
        body: dict[str, Any] | None = None,
        *,
        method: str = "POST",
        key: str = "",
    ) -> Any:
        """Call the API as somebody; None when it said no. Nobody there: again, as people do."""
        headers = {"X-Api-Key": secret} | ({"Idempotency-Key": key} if key else {})
        for attempt in range(AGAIN):
            try:
                answer = self._shop.request(method, f"/api/v1/{path}", json=body or {}, headers=headers)
            except httpx.TransportError:
                self.met["nobody answered"] += 1
                time.sleep(0.02 * 1.5**attempt)
                continue
            if answer.is_success:
                self.met[f"{what}: done"] += 1
                return answer.json()
            self._refused(what, answer)
            if answer.status_code != 503 or what != "start":
                return None
            time.sleep(0.2)
        return None

    def _refused(self, what: str, answer: httpx.Response) -> None:
        try:
            code = answer.json().get("code", "")
        except ValueError:
            code = answer.text[:60]
        self.met[f"{what}: {answer.status_code} {code}"] += 1
        if answer.status_code >= 500 and answer.status_code != 503:
            self.broken.append(f"{what}: {answer.status_code} {answer.text[:200]}")
