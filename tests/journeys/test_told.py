"""Ana is told: a mail that she finds in the demo's inbox, and a notice that her browser shows and that leads back."""

import json
import re

from playwright.sync_api import expect

from bench.screen import WHOLE
from tests.product import STACK

pytestmark = STACK
TOLD_IN = WHOLE  # the others show no notices
# a push service that needs no network: the browser's own manager would ask its maker for an address
NO_NETWORK = """
const told = { endpoint: "https://push.example/ana", keys: {
  p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
  auth: "BTBZMqHH6r4Tts7J_aSIgg" } };
const made = { endpoint: told.endpoint, toJSON: () => told, unsubscribe: async () => { window.kept = null; } };
PushManager.prototype.subscribe = async (wish) => { window.wish = wish; window.kept = made; return made; };
PushManager.prototype.getSubscription = async () => window.kept ?? null;
"""


def test_ana_finds_the_completion_mail_in_the_demos_inbox(product, window, story):
    """Placed, cooked, carried and handed over; the mail is there within seconds, in her language, with the receipt."""
    program, bruno, rosa = product.program("ana"), product.program("bruno"), product.program("rosa")
    order = story.orders(program)
    ana = window("ana")
    ana.goes_to("/account/letters/")
    ana.sees("Where you are reached")
    bruno.post(f"/orders/{order}/confirm", {"minutes": 15})
    for who, verb in [(bruno, "start"), (bruno, "ready"), (rosa, "claim"), (rosa, "pick-up")]:
        who.post(f"/orders/{order}/{verb}", {})
    carried = program.get(f"/orders/{order}")
    rosa.post(f"/orders/{order}/cash", {"amount": carried["total"]["amount"]})
    rosa.post(f"/orders/{order}/hand-over", {"code": carried["doorCode"]})
    ana.presses("Demo inbox")
    letter = ana.page.locator("[data-letter]", has_text=re.compile("is completed")).filter(
        has=ana.page.locator(f'a[href*="{order}"]')
    )
    _looks_again_until(ana, letter.get_by_text("Sent", exact=True))
    letter.get_by_text("Read it").click()
    expect(letter.get_by_text("It was handed over at your door.")).to_be_visible()
    receipt = letter.locator(f'a[href*="/orders/{order}/receipt/"]')
    expect(receipt).to_be_visible()
    ana.expects(r"favicon")  # the mail is shown as it is, so no icon is named in it
    letter.get_by_text("As a mail program shows it").click()
    ana.sees("Open the order")
    ana.page.get_by_role("link", name="Receipt").click()
    ana.sees("Receipt")


def _looks_again_until(window, letter):
    for _look in range(40):
        if letter.count():
            return
        window.page.wait_for_timeout(500)
        window.presses("Look again")
    raise AssertionError("no such letter came")


def test_a_push_becomes_a_notice_in_the_real_browser_and_only_after_a_press(product, window, story):
    """The worker is the page's own; what it shows is read back from the browser, where it leads from the notice."""
    order = story.orders(product.program("ana"))
    ana = window("ana")
    ana.page.add_init_script(NO_NETWORK)
    ana.goes_to(f"/orders/{order}/")
    assert ana.page.evaluate("navigator.serviceWorker.getRegistration('/').then((one) => one === undefined)")
    ana.page.context.grant_permissions(["notifications"], origin=product.address)
    ana.presses("Turn on notices")
    ana.sees("This browser is told.")
    assert ana.page.evaluate("[window.wish.userVisibleOnly, window.wish.applicationServerKey.length]") == [True, 65]
    rows = product.rows("SELECT host FROM notifications_pushsubscription")
    assert rows == [("push.example",)]

    said = {
        "title": "Bruno has taken your order",
        "body": "Order 7",
        "path": f"/orders/{order}/receipt/",
        "tag": f"order/{order}",
        "position": 7,
    }
    _deliver(ana, product.address, json.dumps(said))
    assert _pressed(ana) == f"{product.address}/orders/{order}/receipt/"
    _deliver(ana, product.address, json.dumps(said))
    later = {"title": "It is on its way", "path": "https://evil.example/x", "position": 9}
    _deliver(ana, product.address, json.dumps(said | later))
    _deliver(ana, product.address, json.dumps(said | {"title": "It is ready", "position": 8}))
    notices = _notices(ana, lambda found: found and found[0]["title"] == "It is on its way")
    assert len(notices) == 1  # the newer took the place of the older, and the one that came late did not
    assert notices[0]["url"] == f"{product.address}/"  # never to somebody else's page
    _deliver(ana, product.address, "no JSON at all")
    titles = {one["title"] for one in _notices(ana, lambda found: len(found) == 2)}
    assert titles == {"It is on its way", "Lockstep"}

    ana.presses("Turn off notices")
    ana.sees("Turn on notices")
    assert product.rows("SELECT host FROM notifications_pushsubscription") == []

    ana.presses("Turn on notices")
    ana.sees("This browser is told.")
    ana.page.locator("form[action='/account/signout/']").evaluate("(form) => form.submit()")
    ana.page.wait_for_url(f"{product.address}/")
    assert product.rows("SELECT host FROM notifications_pushsubscription") == []


def _deliver(window, origin, data):
    """As the push service would, through the browser's own debugging door."""
    line = window.page.context.new_cdp_session(window.page)
    known = []
    line.on("ServiceWorker.workerRegistrationUpdated", lambda news: known.extend(news["registrations"]))
    line.send("ServiceWorker.enable")
    for _look in range(50):
        if known:
            break
        window.page.wait_for_timeout(100)
    wanted = next(one["registrationId"] for one in known if one["scopeURL"] == f"{origin}/")
    line.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": wanted, "data": data})
    line.detach()


def _notices(window, are_there):
    script = """navigator.serviceWorker.ready.then((one) => one.getNotifications()).then((all) =>
        all.map((one) => ({ title: one.title, body: one.body, tag: one.tag, url: one.data.url })))"""
    for _look in range(100):
        if are_there(found := window.page.evaluate(script)):
            return found
        window.page.wait_for_timeout(100)
    raise AssertionError(f"the notices are {found}")


def _pressed(window):
    """The address that opens when the notice is pressed; the press itself is the one thing that no test can do."""
    _notices(window, bool)
    (worker,) = window.page.context.service_workers
    return worker.evaluate("""async () => {
        const [notification] = await self.registration.getNotifications();
        const opened = new Promise((tell) => {
            self.clients.openWindow = async (url) => tell(url);
            setTimeout(() => tell("nothing was opened"), 5_000);
        });
        self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
        return await opened;
    }""")
