"""Ana keeps a receipt whose proof her browser checks; when a step is rewritten behind our back, the page says so."""

import json

from playwright.sync_api import expect

from tests.product import STACK

pytestmark = STACK


def test_the_browser_checks_that_nobody_rewrote_the_order(product, window, story):
    """The page computes the seal itself: a proof with one changed step does not pass."""
    ana = window("ana")
    order = story.orders(product.program("ana"), "WECHAT")
    ana.goes_to(f"/orders/{order}/pay/").settles()
    ana.pays_in_new_tab()
    ana.page.wait_for_url(f"**/orders/{order}/")
    ana.presses("Receipt")
    ana.sees("Paid, WeChat Pay")
    ana.sees("Checked in your browser", within=40_000)
    ana.sees("If we changed a single step, it would not.")

    ana.page.locator("summary", has_text="Show the signed note").click()
    note = ana.page.locator("[data-note]").inner_text()
    assert note.splitlines()[0].endswith("/log")
    shown = ana.page.locator("[data-root]").inner_text()
    assert len(shown) == len("9f2c…71ab")

    def rewritten(route):
        told = route.fetch().json()
        entry = told["entries"][-1]
        entry["leaf"] = entry["leaf"].replace("order.", "ordre.").replace("payment.", "paiement.")
        route.fulfill(body=json.dumps(told), content_type="application/json")

    ana.page.route("**/receipt/proof.json", rewritten)
    ana.presses("Check again")
    ana.sees("The seal does not match.")
    expect(ana.page.locator("#proof")).to_have_attribute("data-state", "wrong")

    stranger = window("leo")
    stranger.expects("404")
    stranger.goes_to(f"/orders/{order}/receipt/")
    stranger.sees("We cannot find this")
