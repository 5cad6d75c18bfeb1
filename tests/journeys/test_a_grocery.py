"""Ana orders groceries; one thing is not on the shelf, and its money comes back while she looks."""

from playwright.sync_api import expect

from tests.product import STACK

pytestmark = STACK


def test_groceries_with_one_thing_missing(product, window, story):
    """Chen's shop accepts by itself; what the picker cannot find is struck out and refunded, and the rest arrives."""
    ana, chen, ravi = window("ana"), window("chen"), window("ravi")
    chen.goes_to("/merchant/")
    chen.presses("Picking")
    chen.sees("Orders to pick")
    chen.settles()

    # Ana puts three things into the cart and pays on Alipay's own page, which brings her back
    ana.presses("Chen’s Corner Store", inside="#grocery")
    for thing in ("Bananas, 1 kg", "Kiwis, 6", "Lemons, 4"):
        ana.page.get_by_role("button", name=f"Add {thing}", exact=True).click()
        ana.sees(thing, inside="#cart")
    ana.presses("Check out", inside="#cart")
    story.fills_in_the_door(ana)
    ana.chooses("Alipay")
    order = story.places_the_order(ana)
    ana.presses("Open Alipay")
    ana.page.locator("#pay").click()
    ana.page.wait_for_url(f"**/orders/{order}/")
    ana.settles()

    # nobody had to accept it; the order to pick is on Chen's list, and Ana sees how far the picker is
    ana.sees("Shop accepted", inside="#status")
    picking = chen.page.locator(f"a[href*={order}]")
    expect(picking).to_be_visible(timeout=20_000)
    assert chen.has_stayed()
    picking.click()
    for done in ("1 of 3 done", "2 of 3 done"):
        chen.presses("Picked 1")
        chen.sees(done)
    ana.sees("Picking, 2 of 3", inside="#status")

    # the third is not there: struck out on both pages at once
    missing = chen.page.locator(".bigitem h2").inner_text()
    chen.presses("None")
    chen.sees("Everything is in the bag")
    gone = ana.page.locator("[data-live-panel=lines] li", has=ana.page.locator(".out", has_text=missing))
    expect(gone).to_contain_text("Sold out.")

    # its money is on the way back at once, and the page says when it has arrived
    price = {"Bananas, 1 kg": "¥6.90", "Kiwis, 6": "¥14.90", "Lemons, 4": "¥7.90"}[missing]
    ana.sees(f"Refund of {price}", inside="[data-live-panel=money]")
    ana.sees("Back in your Alipay balance", inside="[data-live-panel=money]", within=60_000)

    # packed, collected, handed over
    chen.presses("Ready")
    ana.sees("Packed, finding a rider", inside="#status")
    ravi.goes_to("/rider/")
    ravi.page.locator(f"#take-{order}").click()
    ravi.presses("Collected")
    ana.sees("On the way", inside="#status")
    ravi.writes("door code", ana.page.locator(".courier .code [aria-hidden]").inner_text())
    ravi.presses("Handed over")
    ana.sees("Delivered", inside="#status")
    assert ana.has_stayed()

    # the books agree: what was paid, less one line, is what the order cost
    read = product.program("ana").get(f"/orders/{order}")
    assert read["paymentStatus"] == "PARTLY_REFUNDED"
    assert [line["productName"] for line in read["lines"] if line["struckOut"]] == [missing]
    assert product.rows("SELECT sum(amount_minor) FROM payments_ledgerposting") == [(0,)]
