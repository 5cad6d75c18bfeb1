"""At the cashier: one pays by WeChat after declining once, one changes to Alipay, and one pays when it is too late."""

import httpx
import pytest
from playwright.sync_api import expect

from config.local.processes import wait_until
from tests.product import STACK
from tests.windows import PATIENCE

pytestmark = STACK

OVER = "UPDATE orders_order SET expires_at = now(), placed_at = now() - interval '15 minutes' WHERE public_id = %s"
BOOKS = "SELECT coalesce(sum(amount_minor), 0) FROM payments_ledgerposting"
SUSPENSE = """
    SELECT coalesce(sum(amount_minor), 0) FROM payments_ledgerposting p
      JOIN payments_ledgeraccount a ON a.id = p.account_id JOIN payments_ledgerentry e ON e.id = p.entry_id
     WHERE a.name = 'suspense' AND e.order_ref = %s
"""
TRADES = "SELECT channel, state, disposition FROM payments_attempt t JOIN orders_order o ON o.id = t.order_id \
    WHERE o.public_id = %s ORDER BY seq"
NUMBER = "SELECT out_trade_no FROM payments_attempt t JOIN orders_order o ON o.id = t.order_id \
    WHERE o.public_id = %s ORDER BY seq DESC LIMIT 1"


class Oracle:
    """Behind the gateways' backs: which faults are in force, and what they have in hand."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"{address}/oracle", trust_env=False, timeout=10)

    def faults(self, **rules):
        """Put these faults in force, and no others."""
        self._http.post("/faults", json=rules).raise_for_status()

    def fired(self, name):
        """How often a fault has struck so far."""
        return self._http.get("/faults").raise_for_status().json()["fired"][name]

    def trade(self, number):
        """What the gateway knows of a payment."""
        return self._http.get(f"/trades/{number}").raise_for_status().json()


@pytest.fixture
def oracle(product):
    """The simulator's oracle; leaves no fault in force."""
    oracle = Oracle(product.cashier)
    yield oracle
    oracle.faults()


def at_the_cashier(window, words="Sandbox: open the cashier"):
    """Follow the button to the gateway's cashier in a tab of its own."""
    with window.page.expect_popup() as opened:
        window.presses(words)
    return opened.value


def shows(cashier, state):
    """What the cashier says about the payment."""
    expect(cashier.locator("#state")).to_have_attribute("data-state", state, timeout=PATIENCE)


def test_by_wechat_after_declining_once(product, window, story):
    """Declining costs nothing and closes nothing; paying then moves our page on by itself."""
    ana = window("ana")
    order = story.orders(product.program("ana"), "WECHAT")
    ana.goes_to(f"/orders/{order}/pay/").settles()
    cashier = at_the_cashier(ana)
    cashier.locator("#decline").click()
    shows(cashier, "declined")
    ana.presses("I have paid")
    ana.sees("WeChat Pay has not seen a payment yet")

    cashier.locator("#pay").click()
    shows(cashier, "paid")
    ana.page.wait_for_url(f"**/orders/{order}/")
    ana.sees("Paid, waiting for the shop", inside="#status")
    assert product.rows(TRADES, order) == [("WECHAT", "SUCCESS", "APPLIED")]


def test_by_alipay_after_changing_the_method(product, window, story):
    """The code of the first method stops working before the second begins; Alipay sends the buyer back to us."""
    ana = window("ana")
    order = story.orders(product.program("ana"), "WECHAT")
    ana.goes_to(f"/orders/{order}/pay/").settles()
    old = at_the_cashier(ana)
    shows(old, "open")
    ana.page.locator("summary", has_text="Trouble with WeChat Pay?").click()
    ana.presses("Change to Alipay")
    ana.sees("Open Alipay")
    old.reload()
    shows(old, "closed")

    ana.presses("Open Alipay")
    shows(ana.page, "open")
    ana.page.locator("#pay").click()
    ana.page.wait_for_url(f"{product.address}/orders/{order}/**")
    ana.sees("Paid, waiting for the shop", inside="#status")
    assert product.rows(TRADES, order) == [("WECHAT", "CLOSED", ""), ("ALIPAY", "SUCCESS", "APPLIED")]


def test_too_late(product, window, story, oracle):
    """The time is over, the gateway did not hear us close; what is paid then goes back, and the page tells it all."""
    ana = window("ana")
    order = story.orders(product.program("ana"), "WECHAT")
    ana.goes_to(f"/orders/{order}/pay/").settles()
    cashier = at_the_cashier(ana)
    shows(cashier, "open")
    page = ana.another_tab(f"/orders/{order}/")
    page.settles()

    oracle.faults(error_before={"rate": 1, "on": "close"})
    before = oracle.fired("error_before")
    product.rows(OVER, order)
    page.sees("Not paid in time. Nothing was charged.", inside=".hero")
    # the order never waits for a gateway: closing may be tried only after it
    assert wait_until(lambda: oracle.fired("error_before") > before, seconds=60)

    cashier.locator("#pay").click()
    shows(cashier, "paid")
    page.sees("Your payment came late, all of it goes back")
    page.sees("Back in your WeChat balance")
    assert page.has_stayed()
    expect(ana.page.locator("#pay .qr")).to_have_count(0)
    ana.sees("Your money arrived after the order was closed")

    assert product.rows(TRADES, order) == [("WECHAT", "SUCCESS", "LATE")]
    trade = oracle.trade(product.rows(NUMBER, order)[0][0])
    assert trade["refunded"] == trade["captured"] > 0
    assert product.rows(SUSPENSE, order) == [(0,)]
    assert product.rows(BOOKS) == [(0,)]
    page.presses("Order the same again")
    page.sees("Beef hand-pulled noodles", inside="#cart")
