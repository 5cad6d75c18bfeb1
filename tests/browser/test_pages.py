"""Every page of every surface, as the right person, in both languages, light and dark, wide and narrow.

Each is looked at by axe-core (WCAG 2.2 A and AA), must fit 320 px without scrolling sideways, and must not make the
browser complain. `make pictures` also writes pictures of all of them, wide and light, narrow and dark, to
`.lockstep/test/pages/`: look at them after a change.
"""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe

from config.ground import clock
from config.ground.figures import decimal
from config.local.places import PROJECT
from config.local.processes import wait_until
from tests.product import STACK
from tests.windows import signs_in, tab

pytestmark = [*STACK, pytest.mark.browser]

PICTURES = PROJECT / ".lockstep" / "test" / "pages"
ARE_WANTED = "PICTURES" in os.environ
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SEEN = ["color-contrast", "target-size"]  # the rules whose answer depends on what is painted, and how wide
# each language meets each width and each theme: once with the whole standard, once with what can differ by then
VIEWS = {
    "en": [(1280, "light", STANDARD), (375, "dark", SEEN)],
    "zh-hans": [(375, "light", STANDARD), (1280, "dark", SEEN)],
}
HEIGHTS = {1280: 900, 375: 812, 320: 700}
# the admin's frame asks the device for its theme when it is loaded, and whenever its own switch goes back to "auto"
ASK_AGAIN = """async () => {
    const frame = window.Alpine.$data(document.documentElement);
    frame.switchTheme("light");
    frame.switchTheme("auto");
    await window.Alpine.nextTick();
}"""
SETTLED = "Promise.all(document.getAnimations().filter(a => a instanceof CSSTransition).map(a => a.finished))"

# name → (who opens it, path; {name} is an order of the world, {MEAL} a shop, [name of a product] its number)
PAGES = {
    "storefront-home": ("", "/"),
    "storefront-home-running": ("mei", "/"),
    "storefront-search": ("", "/?q=noodles"),
    "storefront-nothing": ("", "/?q=zzzzzz"),
    "shop-menu": ("", "/shops/{MEAL}/"),
    "shop-menu-grocery": ("", "/shops/{GROCERY}/"),
    "shop-menu-keys": ("", "/shops/{DIGITAL}/"),
    "product-options": ("", "/shops/{MEAL}/products/{noodles}/"),
    "cart": ("leo", "/cart/{MEAL}/"),
    "checkout": ("leo", "/checkout/{MEAL}/"),
    "address": ("", "/address/"),
    "pay": ("mei", "/orders/{unpaid}/pay/"),
    "orders-list": ("mei", "/orders/"),
    "orders-none": ("", "/orders/"),
    "order-unpaid": ("mei", "/orders/{unpaid}/"),
    "order-new": ("mei", "/orders/{new}/"),
    "order-paid": ("mei", "/orders/{paid}/"),
    "order-cooking": ("mei", "/orders/{cooking}/"),
    "order-ready": ("mei", "/orders/{claimed}/"),
    "order-live": ("mei", "/orders/{carried}/"),
    "order-done": ("mei", "/orders/{done}/"),
    "receipt": ("mei", "/orders/{done}/receipt/"),
    "order-keys": ("mei", "/orders/{keys}/"),
    "order-cancelled": ("mei", "/orders/{cancelled}/"),
    "order-cancel": ("mei", "/orders/{paid}/cancel/"),
    "developers": ("", "/developers/"),
    "letters": ("mei", "/account/letters/"),
    "letters-confirm": ("", "{confirms}"),
    "demo-inbox": ("", "/demo/inbox/"),
    "signin": ("", "/account/signin/"),
    "signup": ("", "/account/signup/"),
    "merchant-board": ("bruno", "/merchant/{MEAL}/"),
    "merchant-board-keys": ("dana", "/merchant/{DIGITAL}/"),
    "merchant-order": ("bruno", "/merchant/{MEAL}/orders/{cooking}/"),
    "merchant-order-new": ("bruno", "/merchant/{MEAL}/orders/{paid}/"),
    "merchant-reject": ("bruno", "/merchant/{MEAL}/orders/{paid}/reject/"),
    "merchant-call-off": ("bruno", "/merchant/{MEAL}/orders/{cooking}/call-off/"),
    "merchant-refund": ("bruno", "/merchant/{MEAL}/orders/{cooking}/refund/"),
    "merchant-cash-back": ("bruno", "/merchant/{MEAL}/cash-back/"),
    "merchant-sold-out": ("bruno", "/merchant/{MEAL}/orders/{cooking}/lines/1/sold-out/"),
    "merchant-products": ("bruno", "/merchant/{MEAL}/products/"),
    "merchant-product": ("bruno", "/merchant/{MEAL}/products/{noodles}/"),
    "merchant-product-new": ("bruno", "/merchant/{MEAL}/products/new/"),
    "merchant-keys": ("dana", "/merchant/{DIGITAL}/keys/"),
    "merchant-keys-pool": ("dana", "/merchant/{DIGITAL}/keys/{pool}/"),
    "merchant-statement": ("bruno", "/merchant/{MEAL}/statement/"),
    "merchant-statement-day": ("bruno", "/merchant/{MEAL}/statement/{day}/"),
    "merchant-statistics": ("bruno", "/merchant/{MEAL}/statistics/"),
    "merchant-till": ("bruno", "/merchant/{MEAL}/till/"),
    "merchant-webhooks": ("bruno", "/merchant/{MEAL}/webhooks/"),
    "merchant-webhook-new": ("bruno", "/merchant/{MEAL}/webhooks/new/"),
    "picking": ("chen", "/warehouse/{GROCERY}/"),
    "picker": ("chen", "/warehouse/{GROCERY}/{picking}/"),
    "rider-jobs": ("ravi", "/rider/"),
    "rider-jobs-running": ("rosa", "/rider/"),
    "rider-job-collect": ("rosa", "/rider/jobs/{claimed}/"),
    "rider-job": ("rosa", "/rider/jobs/{carried}/"),
    "rider-job-done": ("rosa", "/rider/jobs/{done}/"),
    "rider-job-cash": ("rosa", "/rider/jobs/{cash}/"),
    "rider-cash": ("rosa", "/rider/cash/"),
    "admin-operations": ("sam", "/admin/"),
    "admin-orders": ("sam", "/admin/orders/order/"),
    "admin-xray": ("sam", "/admin/orders/order/{carried}/change/"),
    "admin-differences": ("sam", "/admin/payments/difference/"),
    "admin-trial-balance": ("sam", "/admin/payments/ledgeraccount/"),
    "admin-account": ("sam", "/admin/payments/ledgeraccount/revenue:MEAL/change/"),
    "admin-cash": ("sam", "/admin/payments/handin/"),
    "admin-hand-in": ("sam", "/admin/payments/handin/{hand_in}/change/"),
    "admin-payments": ("sam", "/admin/payments/attempt/"),
    "admin-webhooks": ("sam", "/admin/notifications/endpoint/"),
    "admin-letters": ("sam", "/admin/notifications/letter/"),
    "admin-letter": ("sam", "/admin/notifications/letter/{letter}/change/"),
    "admin-shops": ("sam", "/admin/orders/shop/"),
    "nowhere": ("", "/no/such/page/"),
}


@pytest.fixture(scope="module")
def desks(product, browser):
    """One signed-in window a person, kept for the whole file."""
    opened = {}

    def desk(person):
        if person not in opened:
            context = browser.new_context(locale="en-GB", reduced_motion="reduce")
            context.add_init_script(Axe().axe_script)
            opened[person] = tab(context, product.address, person)
            if person:
                signs_in(opened[person])
        return opened[person]

    yield desk
    for window in opened.values():
        window.page.context.close()


@pytest.fixture(scope="module")
def places(world, desks):
    """What stands for the names in the paths; leo's cart is filled on the way."""
    made = world.world
    noodles = made.product_id("MEAL", "Beef hand-pulled noodles")
    leo = desks("leo")
    leo.goes_to(f"/shops/{world.shops.MEAL}/")
    leo.presses("Add Pork and chive dumplings")
    leo.sees("¥26.00", inside="#cart")
    leo.complaints.clear()
    pool = made.product.rows("SELECT public_id FROM orders_keypool ORDER BY id LIMIT 1")
    day = f"{clock.now().astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d}"
    known = {"noodles": noodles, "pool": pool[0][0], "day": day, "hand_in": hands_in(made, desks("rosa"))}
    return vars(world.orders) | vars(world.shops) | known | asks_for_an_address(made.product, desks("mei"))


def hands_in(made, rosa):
    """Rosa counts what she collected and hands it in at the depot; its public id."""
    rosa.goes_to("/rider/cash/")
    (held,) = made.product.rows(
        "SELECT sum(p.amount_minor) FROM payments_ledgerposting p JOIN payments_ledgeraccount a ON a.id = p.account_id"
        " WHERE a.name LIKE 'cash:rider:%'"
    )[0]
    rosa.page.get_by_label("Counted").fill(decimal(int(held)))
    rosa.page.get_by_label("At the depot").check()
    rosa.presses("Close the shift")
    rosa.complaints.clear()
    return made.product.rows("SELECT public_id FROM payments_handin ORDER BY id DESC LIMIT 1")[0][0]


def asks_for_an_address(product, mei):
    """Mei types a new e-mail address and does not confirm it yet: the way to that page, and one letter's row."""
    mei.goes_to("/account/letters/")
    mei.writes("E-mail address", "mei.lin@new.example")
    mei.presses("Keep this")
    mei.sees("mei.lin@new.example is not confirmed yet")
    mei.complaints.clear()
    links = "SELECT link FROM notifications_letter WHERE kind = 'account.email_asked'"
    assert wait_until(lambda: product.rows(links), seconds=30)
    sent = "SELECT id FROM notifications_letter WHERE state = 'SENT' ORDER BY id LIMIT 1"
    assert wait_until(lambda: product.rows(sent), seconds=30)
    return {"confirms": "/" + product.rows(links)[0][0].split("/", 3)[3], "letter": product.rows(sent)[0][0]}


@pytest.mark.parametrize("name", PAGES)
def test_page(desks, places, name):
    """Nothing for axe-core to find, nothing beyond the edge at 320 px, nothing in the console, one sandbox banner."""
    person, path = PAGES[name]
    window = desks(person)
    window.complaints.clear()
    found = []
    for language, views in VIEWS.items():
        window.page.context.add_cookies([{"name": "language", "value": language, "url": window.address}])
        resize(window.page, views[0][0])
        window.goes_to(path.format(**places))
        if window.page.locator(".sandbox").count() != 1:
            found.append(f"{language}: does not say once that payments are simulated")
        for width, theme, rules in views:
            resize(window.page, width)
            found += looks_at(window.page, name, f"{language}-{width}-{theme}", rules)
        resize(window.page, 320)
        found += fits(window.page, language)
    window.page.emulate_media(color_scheme="light")
    window.page.goto("about:blank")  # a page that is live paints on while the others are looked at
    expected = ["status of 404"] if name == "nowhere" else []
    found += [line for line in window.complaints if not any(words in line for words in expected)]
    assert not found, "\n".join(found)


def resize(page, width):
    """Make the window this wide, and as high as such a screen is."""
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})


def looks_at(page, name, view, rules):
    """What these rules find wrong with the page, as lines; in English with a picture, if they are wanted."""
    wears(page, view.rpartition("-")[2])
    if ARE_WANTED and view.startswith("en"):
        picture(page, PICTURES / f"{name}.{view}.png")
    wanted = {"runOnly": rules, "preload": False, "resultTypes": ["violations"]}
    broken = page.evaluate("wanted => axe.run(document, wanted).then(found => found.violations)", wanted)
    return [_told(rule, view) for rule in broken]


def fits(page, language):
    """Whether everything is within the window, as lines of what is not."""
    over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [f"{language} 320: {over} px beyond the edge: {_widest(page)}"] if over > 0 else []


def wears(page, theme):
    """Let the device be light or dark, and wait until nothing changes its colour any more."""
    page.emulate_media(color_scheme=theme)
    if page.locator("html[x-data]").count():
        page.evaluate(ASK_AGAIN)
        assert page.locator("html.dark").count() == (theme == "dark")
    page.evaluate(SETTLED)


def picture(page, path: Path):
    """The whole page as a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)


def _told(rule, where):
    nodes = "; ".join(
        f"{node['target'][-1]} {node['failureSummary'].splitlines()[-1].strip()}" for node in rule["nodes"][:4]
    )
    return f"{where}: {rule['id']} ({rule['help']}) at {len(rule['nodes'])}: {nodes}"


def _widest(page):
    return page.evaluate(
        "[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)"
        ".slice(0, 4).map(e => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`)"
    )
