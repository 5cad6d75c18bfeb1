"""Ana orders noodles; Bruno cooks them, Ravi brings them. Three windows on one order, and nobody reloads a page."""

from playwright.sync_api import expect

from tests.product import STACK

pytestmark = STACK

# the list of jobs has changed; done when it has asked to be fetched again
NEWS = """new Promise(asked => {
    const jobs = document.querySelector("#jobs");
    jobs.addEventListener("htmx:confirm", asked, {once: true});
    jobs.dispatchEvent(new CustomEvent("lockstep:changed"));
}).then(() => {})"""


def test_a_meal_from_the_first_click_to_the_door(product, window, story):
    """What one person does, the others see happen, each in the words made for them."""
    ana, bruno, ravi = window("ana"), window("bruno"), window("ravi")
    bruno.goes_to("/merchant/").settles()  # his board is open before anybody orders
    bruno.page.get_by_role("heading", name="Orders now").click()  # touched once: now his browser may ring

    order = ana_orders_and_pays(ana, story)
    bruno_hears_it_ring(bruno, order, story)
    bruno_cooks_while_ana_watches(bruno, ana, order, story)
    ravi_takes_the_job(ravi, ana, bruno, order, story)
    ravi_brings_it(ravi, ana, order)

    expect(bruno.page.locator(f"#column-done [data-ticket={order}]")).to_have_count(1)
    assert ana.has_stayed()
    assert bruno.has_stayed()
    a_program_reads_the_same(product.program("ana"), order)
    support_sees_all_of_it(window("sam"), order)


def ana_orders_and_pays(ana, story):
    """She chooses a bowl with everything it needs, says where to, and pays by scanning a code."""
    ana.presses("Bruno’s Noodle House", inside="#meal")
    ana.presses("Choose options, Beef hand-pulled noodles")
    ana.chooses("Thin", "Mild", "Extra egg")
    ana.sees("¥29.00", inside="#price")
    ana.presses("Add · ", inside="dialog")
    ana.sees("¥33.00", inside="#cart")
    ana.presses("Check out", inside="#cart")
    story.fills_in_the_door(ana)
    ana.writes("Note for the shop and the rider", "no coriander, please")
    order = story.places_the_order(ana)
    ana.sees("Your items are kept for")
    ana.pays_in_new_tab()
    ana.page.wait_for_url(f"**/orders/{order}/")  # the pay page has noticed, and goes on by itself
    ana.settles()
    ana.sees("Paid, waiting for the shop", inside="#status")
    return order


def bruno_hears_it_ring(bruno, order, story):
    """The ticket slides in, is spoken, and the title of his window counts it."""
    ticket = story.ticket(bruno, order, "new")
    for words in ("Beef hand-pulled noodles", "Thin · Mild · Extra egg", "no coriander, please"):
        expect(ticket).to_contain_text(words)
    waiting = bruno.page.locator("#column-new .count").inner_text()
    expect(bruno.page).to_have_title(f"({waiting}) Orders")
    expect(bruno.page.locator("[data-said]")).to_contain_text("New order #")


def bruno_cooks_while_ana_watches(bruno, ana, order, story):
    """Accept with fifteen minutes, start, ready: each press moves the ticket and changes Ana's page."""
    ticket = story.ticket(bruno, order, "new")
    ticket.get_by_label("15 min").check()
    ticket.get_by_role("button", name="Accept").click()
    ana.sees("Shop accepted", inside="#status")

    story.ticket(bruno, order, "cook").get_by_role("button", name="Start").click()
    ana.sees("Cooking", inside="#status")
    ana.sees("Bruno’s Noodle House is cooking it now.", inside=".hero")

    story.ticket(bruno, order, "cook").get_by_role("button", name="Ready").click()
    ana.sees("Packed, finding a rider", inside="#status")


def ravi_takes_the_job(ravi, ana, bruno, order, story):
    """One press, though the list changes under it; both others see who is coming. The ticket shows him the code."""
    ravi.goes_to("/rider/")
    ravi.page.route("**/claim/", lambda route: [ravi.page.evaluate(NEWS), route.continue_()])
    ravi.page.locator(f"#take-{order}").click()
    ana.sees("Rider on the way to the shop", inside="#status")
    ana.sees("Ravi", inside=".courier")
    packed = story.ticket(bruno, order, "ready")
    expect(packed).to_contain_text("Ravi")
    ravi.writes("Shop’s code", packed.locator("b.mono").inner_text())
    ravi.presses("Collected")
    ana.sees("On the way", inside="#status")
    story.ticket(bruno, order, "out")


def ravi_brings_it(ravi, ana, order):
    """At the door Ana says the code that only her page shows."""
    ana.sees("Say this code at the door", inside=".courier")
    ravi.writes("door code", ana.page.locator(".courier .code [aria-hidden]").inner_text())
    ravi.presses("Handed over")
    ravi.sees("The pay is yours.")
    ana.sees("Delivered", inside="#status")


def a_program_reads_the_same(program, order):
    """The order over REST."""
    read = program.get(f"/orders/{order}")
    assert (read["status"], read["paymentStatus"], read["total"]["amount"]) == ("COMPLETED", "PAID", "33.00")


def support_sees_all_of_it(sam, order):
    """Lines, rider, money and end on one page of the admin."""
    sam.goes_to(f"/admin/orders/order/?q={order}")
    sam.presses(order, inside="main, #content, #result_list")
    for words in ("Beef hand-pulled noodles", "Ravi", "¥33.00", "Completed, delivered"):
        sam.sees(words)
