"""Somebody without an account buys two card keys; they are shown to that browser, when it asks, and to nobody else."""

import re

from playwright.sync_api import expect

from tests.product import STACK

pytestmark = STACK

LOOKS = """
    SELECT count(*) FROM orders_keyreveal r
    JOIN orders_keyissue i ON i.id = r.issue_id JOIN orders_order o ON o.id = i.order_id WHERE o.public_id = %s
"""
KEY = re.compile(r"MUSI-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


def test_two_keys_for_a_guest(product, window, story):
    """Paid, issued and on the page within seconds; the text of a key travels only when its button is pressed."""
    guest, dana = window(), window("dana")
    dana.goes_to("/merchant/").settles()

    # no account, no address, a number only: two keys in the cart, WeChat, one press
    guest.goes_to("/")
    guest.presses("Music, one month", inside="#digital")
    guest.presses("One more")
    guest.sees("¥30.00", inside="#price")
    guest.presses("Add · ")
    guest.sees("¥30.00", inside="#cart")  # on the shop's page, where the cart is
    guest.presses("Check out", inside="#cart")
    guest.writes("Mobile number", "139 0013 2071")
    order = story.places_the_order(guest)

    # the order page waits in a second tab, says that nothing is issued yet, and is not loaded again
    page = guest.another_tab(f"/orders/{order}/")
    page.settles()
    page.sees("They appear here the moment the payment is confirmed.")
    guest.pays_in_new_tab()
    page.sees("Keys issued", inside="#status")
    cards = page.page.locator("#keys .keycard")
    expect(cards).to_have_count(2)
    assert page.has_stayed()

    # hidden until asked for: not in the page, not on the live line
    assert not KEY.search(page.page.content())
    assert not any(KEY.search(frame) for frame in page.frames)
    cards.first.get_by_role("button", name="Show key").click()
    shown = cards.first.locator("code")
    expect(shown).to_have_text(KEY)
    key = shown.inner_text()
    expect(cards.nth(1).get_by_role("button", name="Show key")).to_be_visible()
    assert page.has_stayed()

    # Dana's board says that it is done, not which keys
    done = dana.page.locator(f"#column-done [data-ticket={order}]")
    expect(done).to_have_count(1)
    assert not KEY.search(dana.page.content())
    assert dana.has_stayed()

    # who looked, and when, is written down; the text itself stands nowhere in clear
    assert product.rows(LOOKS, order) == [(1,)]
    assert key not in product.dump()
    assert key not in product.logs()
    assert not any(key in frame for frame in page.frames + dana.frames)

    # the private link opens the order elsewhere for whoever knows the number; no other link does, and no other person
    link = page.page.locator("#private-link").inner_text()
    elsewhere = window()
    elsewhere.goes_to(link)
    elsewhere.writes("Last 4 digits", "2071")
    elsewhere.presses("Open the order")
    elsewhere.sees("Keys issued", inside="#status")
    expect(elsewhere.page.locator("#keys .keycard")).to_have_count(2)
    for stranger, address in ((window(), link[:-5] + "xxxxx/"), (window("leo"), f"/orders/{order}/")):
        stranger.expects("404")
        stranger.goes_to(address)
        stranger.sees("We cannot find this")
        assert stranger.page.locator(".keycard").count() == 0
