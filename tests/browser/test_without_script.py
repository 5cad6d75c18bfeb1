"""The main path with JavaScript switched off: forms and links alone carry an order from the menu to the door."""

import re

from tests.product import STACK

pytestmark = STACK


ORDER = re.compile(r"ord_\w{16}")


def test_an_order_by_forms_alone(window):
    """Ana, Bruno and Rosa have no script; each press is a page, and every page tells the truth of its moment."""
    leo, bruno, rosa = (window(name, java_script_enabled=False) for name in ("leo", "bruno", "rosa"))

    # the menu, a choice on its own page, the cart, the checkout
    leo.goes_to("/")
    leo.presses("Bruno’s Noodle House", inside="#meal")
    leo.presses("Choose options, Dan dan noodles")
    leo.chooses("Mild")
    leo.presses("Add · ")
    leo.sees("¥22.00", inside="#cart")
    leo.presses("Check out", inside="#cart")
    leo.page.wait_for_url("**/checkout/**")
    if leo.page.get_by_label("Another address").count():
        leo.chooses("Another address")
    leo.writes("Street, house, unit", "9 Plum Alley")
    leo.writes("Name", "Leo Park")
    leo.writes("Mobile number", "13800132072")
    leo.presses("Place order · ")
    leo.page.wait_for_url(ORDER)
    order = ORDER.search(leo.page.url)[0]

    # pay at the cashier, come back, ask
    leo.pays_in_new_tab()
    leo.presses("I have paid")
    leo.goes_to(f"/orders/{order}/")
    leo.sees("Paid, waiting for the shop", inside="#status")

    # the shop answers on the order's own page
    bruno.goes_to("/merchant/")
    bruno.presses("#", inside=f"[data-ticket={order}] .no")
    bruno.presses("Accept", inside="main")
    bruno.goes_to("/merchant/")
    bruno.presses("Start", inside=f"[data-ticket={order}]")
    bruno.presses("Ready", inside=f"[data-ticket={order}]")

    # the rider takes, collects, hands over
    rosa.goes_to("/rider/")
    rosa.page.locator(f"#take-{order}").click()
    rosa.presses("Collected")
    leo.presses("Refresh", inside=".fresh")
    leo.sees("On the way", inside="#status")
    rosa.writes("door code", leo.page.locator(".courier .code [aria-hidden]").inner_text())
    rosa.presses("Handed over")
    rosa.sees("The pay is yours.")
    leo.presses("Refresh", inside=".fresh")
    leo.sees("Delivered", inside="#status")
