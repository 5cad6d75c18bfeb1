"""While an order runs, one process after the other is killed; pages say so, come back, and show what is true."""

import pytest

from tests.product import STACK

pytestmark = STACK

BROKEN_LINE = r"WebSocket|ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|status of 50[0-9]"


@pytest.mark.parametrize("name", ["live", "relay", "clock"])
def test_a_killed_process_delays_and_loses_nothing(product, window, story, name):
    """The shop accepts while the plug is out; Ana's page shows it once the line is back, without being loaded again."""
    ana, bruno = window("ana"), product.program("bruno")
    ana.expects(BROKEN_LINE)
    order = story.orders(product.program("ana"))
    ana.goes_to(f"/orders/{order}/")
    ana.settles()
    ana.sees("Waiting for the shop, cash", inside="#status")

    lines = ana.lines_opened()
    assert product.kill(name)
    product.until_it_answers()
    bruno.post(f"/orders/{order}/confirm", {"minutes": 10})
    ana.sees("Shop accepted", inside="#status", within=40_000)
    bruno.post(f"/orders/{order}/start")
    ana.sees("Cooking", inside="#status", within=40_000)
    ana.sees("Live", inside=".fresh", within=40_000)
    assert (ana.lines_opened() > lines) == (name == "live")  # only the death of the line itself makes a new one
    assert ana.has_stayed()
    bruno.post(f"/orders/{order}/ready")
    ana.sees("Packed, finding a rider", inside="#status")


def test_a_payment_made_while_the_workers_are_dead_still_arrives(product, window, story):
    """The buyer pays, the workers and the relay are killed at that moment; the order is paid and the page says it."""
    ana = window("ana")
    ana.expects(BROKEN_LINE)
    program = product.program("ana")
    order = story.orders(program, "WECHAT")
    way = program.post(f"/orders/{order}/payments", Idempotency_Key=f"pay-{order}")
    ana.goes_to(f"/orders/{order}/")
    ana.settles()
    for name in ("relay", "clock", "money", "slow"):
        assert product.kill(name)
    product.scans_and_pays(way["codeUrl"])
    ana.sees("Paid, waiting for the shop", inside="#status", within=40_000)
    assert ana.has_stayed()
