"""Leo orders and forgets to pay; when the time is over the clock cancels, and what he had reserved is back."""

from playwright.sync_api import expect

from tests.product import STACK

pytestmark = STACK

LEFT = "SELECT on_hand - reserved FROM orders_stock s JOIN orders_product p ON p.id = s.product_id WHERE p.name_en = %s"
OVER = "UPDATE orders_order SET expires_at = now(), placed_at = now() - interval '15 minutes' WHERE public_id = %s"
TEN_SECONDS = 10_000


def test_an_order_that_nobody_pays_ends_by_itself(product, window, story):
    """At most ten seconds after the deadline, on the page as in the books, and the page was never loaded again."""
    leo = window("leo")
    before = product.rows(LEFT, "Lamb noodles")
    leo.presses("Bruno’s Noodle House", inside="#meal")
    leo.presses("Choose options, Lamb noodles")
    leo.chooses("Wide", "Hot")
    leo.presses("Add · ", inside="dialog")
    leo.presses("Check out", inside="#cart")
    story.fills_in_the_door(leo)
    order = story.places_the_order(leo)
    leo.sees("Your items are kept for")
    reserved = product.rows(LEFT, "Lamb noodles")
    assert reserved[0][0] == before[0][0] - 1

    page = leo.another_tab(f"/orders/{order}/")
    page.settles()
    page.sees("Waiting for payment", inside="#status")
    product.rows(OVER, order)
    page.sees("Cancelled", inside="#status", within=TEN_SECONDS)
    page.sees("Not paid in time. Nothing was charged.", inside=".hero")
    assert page.has_stayed()
    assert product.rows(LEFT, "Lamb noodles") == before

    # the pay page in the first tab has noticed too: no code to scan is left
    expect(leo.page.locator("#pay .qr")).to_have_count(0)
    leo.sees("Nothing was charged.")
