"""The world that the pages are looked at in."""

from types import SimpleNamespace

import pytest

from tests.browser.world import World
from tests.product import Product

NOODLES, DUMPLINGS = "Beef hand-pulled noodles", "Pork and chive dumplings"
COOKED = ("confirm", "start", "ready")


@pytest.fixture(scope="module")
def world(product: Product) -> SimpleNamespace:
    """Shops, and one order in every state; made once for a file, through the public doors."""
    made = World(product)
    orders = {
        "unpaid": made.place("MEAL", NOODLES),
        "new": made.place("MEAL", NOODLES, DUMPLINGS, method="CASH", note="Please ring twice, the bell is old."),
        "paid": made.pay(made.place("MEAL", DUMPLINGS)),
        "cooking": made.walk(made.pay(made.place("MEAL", NOODLES, DUMPLINGS)), "confirm", "start"),
        "open": made.walk(made.place("MEAL", DUMPLINGS, method="CASH"), *COOKED),
        "claimed": made.walk(made.pay(made.place("MEAL", NOODLES)), *COOKED, "claim"),
        "carried": made.walk(made.pay(made.place("MEAL", NOODLES, DUMPLINGS)), *COOKED, "claim", "pick-up"),
        "done": made.walk(made.pay(made.place("MEAL", NOODLES)), *COOKED, "claim", "pick-up", "hand-over"),
        "cash": made.walk(made.place("MEAL", NOODLES, method="CASH"), *COOKED, "claim", "pick-up"),
        "held": made.walk(
            made.place("MEAL", DUMPLINGS, method="CASH"), *COOKED, "claim", "pick-up", "cash", "hand-over"
        ),
        "picking": made.pay(made.place("GROCERY", "Bananas, 1 kg", "Kiwis, 6", "Lemons, 4")),
        "keys": made.pay(made.place("DIGITAL", "Music, one month")),
        "cancelled": made.pay(made.place("MEAL", NOODLES)),
    }
    made.mei.post(f"/orders/{orders['cancelled']}/cancel")
    return SimpleNamespace(world=made, orders=SimpleNamespace(**orders), shops=SimpleNamespace(**made.shops))
