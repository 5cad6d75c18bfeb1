"""One order, followed at once in every way there is, while the network goes and comes back: all see what is true.

Three browsers on the order's own page (one has sockets, one only event streams, one neither), a STOMP program, a
Python program and a webhook receiver. Each sees every version once and in order; the webhook at least once, in order.
"""

import threading
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect
from standardwebhooks import Webhook

from config.local.processes import wait_until
from config.webhooks import BODIES
from notifications.live.client import Line
from tests.cable import Cable
from tests.notifications.sinks import Sink
from tests.product import STACK
from tests.stompjs import StompJs

pytestmark = STACK

BROWSERS = {  # how the page is followed → what its browser lacks
    "ws": "",
    "sse": "delete globalThis.WebSocket;",
    "poll": "delete globalThis.WebSocket; delete globalThis.EventSource;",
}
REMEMBER = "window.seen = []; document.addEventListener('lockstep:frame', (e) => window.seen.push(e.detail));"


class Page:
    """Ivy's browser on the order's page."""

    def __init__(self, window, cable, order, name):
        self.window, self.name, self.used = window, name, set()
        page = window.page
        page.add_init_script(BROWSERS[name] + REMEMBER)
        page.on("request", self._sees)
        page.on("websocket", self._sees)
        window.goes_to(f"{cable.address}/orders/{order}/")
        window.settles()
        self.first = self.now()[0]

    def _sees(self, asked):
        way = asked.url.partition("?")[0].partition("/live/")[2]
        self.used |= {way} & BROWSERS.keys()

    def now(self):
        """The version and status that the page shows."""
        main = self.window.page.locator("#main")
        return int(main.get_attribute("data-live-version")), main.get_attribute("data-status")

    def frames(self):
        return [(frame["version"], frame["type"]) for frame in self.window.page.evaluate("window.seen")]

    def is_away(self):
        return self.window.page.locator("[data-fresh]").first.get_attribute("data-fresh") in {"again", "off"}


class Program:
    """A program with the Python client."""

    def __init__(self, cable, order, key):
        self.line, self.heard = Line(cable.address, key=key), []
        self.line.follow(f"order/{order}")
        self.topic = f"order/{order}"
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        for frame in self.line:
            self.heard.append(frame)
            self.line.shown(frame["position"])

    def now(self):
        return self.line.versions[self.topic], self.line.states.get(self.topic, {}).get("status")

    def frames(self):
        return [(frame["version"], frame["type"]) for frame in self.heard]

    def is_away(self):
        return not self.line.by

    def close(self):
        self.line.close()
        self.thread.join(timeout=10)


class Stomp:
    """A program with somebody else's STOMP client."""

    def __init__(self, cable, order, key):
        self.client = StompJs(f"{cable.address.replace('http', 'ws')}/live/ws", f"/topic/orders/{order}", key=key)
        self.client.hears("message")

    def now(self):
        state = {}
        for frame in self.client.frames:
            state = state | frame["data"] | {"version": frame["version"]}
        return state["version"], state["status"]

    def frames(self):
        return [(frame["version"], frame["type"]) for frame in self.client.frames]

    def is_away(self):
        return [told["told"] for told in self.client.told if told["told"] in {"connected", "closed"}][-1] == "closed"


class Receiver:
    """Ivy's webhook receiver, at the far end of a cable of its own."""

    def __init__(self, product, sink, cable):
        ivy = product.program()
        for known in ivy.get("/webhooks")["results"]:  # before the circuits, or what they hold back still comes here
            ivy.asks("DELETE", f"/webhooks/{known['webhookId']}")
        product.rows("DELETE FROM notifications_circuit")  # earlier stories found nobody here
        self.sink = sink
        made = ivy.post("/webhooks", {"url": f"http://localhost:{cable.port}/hook"})
        self.secret = made["secret"]
        ready = lambda: ivy.get(f"/webhooks/{made['webhookId']}")["state"] == "WORKING"  # noqa: E731
        assert wait_until(ready, seconds=20), "the challenge was not met"

    def sequences(self, order):
        return self.sink.first_sequences().get(order, [])

    def verify(self):
        """Every letter is signed by the endpoint's secret; returns how many there were."""
        for got in self.sink.got:
            Webhook(self.secret).verify(got.body, got.headers)
        return len(self.sink.got)


@pytest.fixture
def cables(product):
    """(to the product, from it to the receiver), and the receiver itself."""
    with ExitStack() as ends:
        sink = Sink()
        ends.callback(sink.stop)
        front, back = Cable(int(product.address.rpartition(":")[2])), Cable(sink.port, product.sink_port)
        ends.callback(front.close)
        ends.callback(back.close)
        yield front, back, sink


def test_every_way_to_follow_an_order_shows_what_is_true(product, window, story, cables):
    """The network is cut while the order moves on, then healed: six followers, one truth."""
    front, back, sink = cables
    receiver = Receiver(product, sink, back)
    order = story.orders(product.program())
    with ExitStack() as ends:
        session = product.session("ivy")
        pages = [Page(opened(window, front, session), front, order, name) for name in BROWSERS]
        stomp, program = Stomp(front, order, product.api_key), Program(front, order, product.api_key)
        ends.callback(stomp.client.close)
        ends.callback(program.close)
        followers = [*pages, stomp, program]

        bruno = product.program("bruno")
        bruno.post(f"/orders/{order}/confirm", {"minutes": 10})
        all_see(product, followers, order, "CONFIRMED")

        assert all(page.name in page.used for page in pages)
        ravi = product.program("ravi")
        for cable in (front, back):
            cable.cut()
        bruno.post(f"/orders/{order}/start")
        bruno.post(f"/orders/{order}/ready")
        ravi.post(f"/orders/{order}/claim")
        ravi.post(f"/orders/{order}/pick-up")
        all_know_that_the_line_is_gone(front, back, followers)
        for cable in (front, back):
            cable.heal()
        all_see(product, followers, order, "ON_DELIVERY")

        ivy = product.program()
        ravi.post(f"/orders/{order}/cash", {"amount": ivy.get(f"/orders/{order}")["total"]["amount"]})
        ravi.post(f"/orders/{order}/hand-over", {"code": ivy.get(f"/orders/{order}")["doorCode"]})
        all_see(product, followers, order, "COMPLETED")
        nobody_saw_anything_twice_or_backward(product, followers, order)
        for page in pages:
            expect(page.window.page.locator("[data-fresh=live]").first).to_be_attached(timeout=20_000)
            assert page.window.has_stayed()
    the_receiver_heard_it_all(product, receiver, order)


def opened(window, cable, session):
    """A browser of ivy's, who signed in before."""
    ivy = window()
    ivy.page.context.add_cookies([{"name": "sessionid", "value": session, "url": cable.address}])
    return ivy


def truth(product, order):
    """(version, status) of the order's row."""
    return product.rows("SELECT version, status FROM orders_order WHERE public_id = %s", order)[0]


def all_see(product, followers, order, status):
    """Everybody is level with the database, and that says this."""

    def level():
        known = truth(product, order)
        return known[1] == status and all(follower.now() == known for follower in followers)

    if not wait_until(level, seconds=40):
        shown = {type(one).__name__ + getattr(one, "name", ""): one.now() for one in followers}
        raise AssertionError(f"{truth(product, order)} but {shown}")


def all_know_that_the_line_is_gone(front, back, followers):
    """Every line dropped, everybody knocks in vain, what they know stays, and they say that it is old."""
    assert front.dropped >= len(followers)
    assert wait_until(lambda: all(follower.is_away() for follower in followers), seconds=30)
    assert wait_until(lambda: front.refused >= len(followers) and back.refused, seconds=20)
    assert {follower.now()[1] for follower in followers} == {"CONFIRMED"}


def nobody_saw_anything_twice_or_backward(product, followers, order):
    """From the first version that it showed, each follower was told every version once, in order."""
    told = dict(product.rows("SELECT version, type FROM notifications_event WHERE stream = %s", f"order/{order}"))
    for follower in followers:
        frames = follower.frames()
        versions = [version for version, _kind in frames]
        assert versions == list(range(versions[0], len(told) + 1)), (follower, frames)
        assert all(kind in {told[version], "snapshot"} for version, kind in frames)
        assert "snapshot" not in [kind for _version, kind in frames[1:]]  # a gap that short is told, not summed up


def the_receiver_heard_it_all(product, receiver, order):
    """At least once, first times in order, signed, and the last one is the truth."""
    rows = product.rows(
        "SELECT version FROM notifications_event WHERE stream = %s AND type = ANY(%s) ORDER BY version",
        f"order/{order}",
        list(BODIES),
    )
    expected = [version for (version,) in rows]
    assert wait_until(lambda: receiver.sequences(order)[-1:] == expected[-1:], seconds=40), receiver.sequences(order)
    assert receiver.sequences(order) == expected
    said = [event["payload"] for event in receiver.sink.events() if event["payload"]["orderId"] == order]
    assert said[-1]["status"] == truth(product, order)[1] == "COMPLETED"
    assert receiver.verify() > len(expected)
