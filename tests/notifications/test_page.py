"""The browser's modules on a page of their own: fields, badge, panels and the freshness pill follow the log."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from playwright.sync_api import expect, sync_playwright

from bench import screen
from tests.notifications.conftest import LiveServer, happen, running_relay, wait_for
from tests.windows import FLAGS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

STATIC = Path(settings.BASE_DIR) / "config" / "static"
MODULES = ("arrivals", "line", "live", "fresh", "patch")
WORDS = {
    "CONFIRMED": {"text": "Shop accepted", "family": "move", "icon": "M1 1h2", "sentence": "Ready about {time}"},
    "PREPARING": {"text": "Picking, {n} of {m}", "family": "move", "icon": ""},
}
IMPORTS = json.dumps({"imports": {f"lockstep/{name}": f"/static/shared/{name}.js" for name in MODULES}})
PAGE = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>x</title>
<script type="importmap">{IMPORTS}</script>
</head><body>
<span class="fresh old" role="status" data-fresh="old" data-zone="Asia/Shanghai" data-word-live="Live"
 data-word-old="Updated {{n}} s ago" data-word-again="Reconnecting…" data-word-off="Offline · last seen {{time}}"
 data-word-back="Live again, nothing missed"><span data-fresh-text>Updated 18:31:02</span></span>
<main id="root" data-live-topic="order/ord_a" data-live-version="1" data-status="PENDING">
<span id="status" data-live-field="status">Paid</span><p id="say" data-live-field="sentence">…</p>
<p id="window" data-live-field="window" data-zone="Asia/Shanghai">–</p><p id="eta" data-live-field="estimatedTime">0</p>
<p id="cancel" data-live-show="PENDING">Cancel</p><div id="keys" data-live-panel="keys"></div>
<div id="money" data-live-panel="money"></div></main>
<a id="row" data-live-topic="order/ord_a" data-live-version="1"><span data-live-field="estimatedTime">0</span></a>
<script type="application/json" data-live-words>{json.dumps(WORDS)}</script>
<script>window.reloads = []; window.frames_ = [];
window.htmx = {{trigger: (e, n) => window.reloads.push(e.id + ":" + n)}};
document.addEventListener("lockstep:frame", (e) => window.frames_.push(e.detail.version));</script>
<script type="module">import "lockstep/live"; import "lockstep/fresh"; import "lockstep/patch";</script>
</body></html>"""


PROGRAM = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>program</title></head><body>
<script type="module">
import { Line } from "/static/shared/line.js";
window.frames_ = [];
window.states = [];
const line = (window.line = new Line({ climb: [200] }));
line.addEventListener("state", ({ detail }) => window.states.push(detail.open ? detail.by : "down"));
line.follow("order/ord_a", { frame: (frame) => window.frames_.push(frame.version) });
</script></body></html>"""


class PageServer(LiveServer):
    """The live server with two pages and the static files beside it; `blocked` paths do not get through."""

    def __init__(self):
        self.blocked = set()
        super().__init__()

    def wrap(self, live):
        async def application(scope, receive, send):
            if scope["type"] != "lifespan" and scope["path"] in self.blocked:
                await refuse(scope, receive, send)
                return
            if scope["type"] != "http" or scope["path"].startswith("/live/"):
                await live(scope, receive, send)
                return
            path = STATIC / scope["path"].removeprefix("/static/")
            is_script = path.suffix == ".js" and path.is_file()
            kind = b"text/javascript" if is_script else b"text/html"
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
            page = PROGRAM if scope["path"] == "/program" else PAGE
            body = path.read_bytes() if is_script else page.encode()
            await send({"type": "http.response.body", "body": body})

        return application


async def refuse(scope, receive, send):
    """As a proxy that knows neither sockets nor streams."""
    await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 502, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def elsewhere(transactional_db):
    """Runs database work outside the browser's thread, where Django would refuse it."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda work, *args, **options: pool.submit(work, *args, **options).result(20)
        pool.submit(connections.close_all).result(20)


@pytest.fixture
def chromium(transactional_db):
    """A browser for one test: it must be gone before Django empties the tables from this thread."""
    path = screen.path()
    if not path:
        pytest.skip("NO CHROMIUM: live pages were not tried. `make browser` installs it.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def page(elsewhere, chromium):
    def session():
        made = SessionStore()
        made["guest_orders"] = ["ord_a"]
        made.create()
        return made.session_key

    elsewhere(happen, "order/ord_a", 1)
    server = PageServer()
    context = chromium.new_context()
    context.add_cookies([{"name": "sessionid", "value": elsewhere(session), "url": f"http://127.0.0.1:{server.port}"}])
    opened = context.new_page()
    opened.server, opened.wrong = server, []
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    with running_relay():
        opened.goto(f"http://127.0.0.1:{server.port}/")
        yield opened
    context.close()
    server.stop()
    assert not opened.wrong


def test_follows_the_order_without_reload(page, elsewhere):
    expect(page.locator("[data-fresh-text]")).to_have_text("Live")
    elsewhere(
        happen, "order/ord_a", 2, "order.confirmed",
        data={
            "status": "CONFIRMED", "word": "CONFIRMED", "facts": {"time": "18:40"}, "estimatedTime": 12,
            "window": ["2026-01-01T10:42:30+00:00", "2026-01-01T10:49:10+00:00"], "reload": ["keys"],
        },
    )  # fmt: skip
    expect(page.locator("#status .badge.move")).to_have_text("Shop accepted")
    expect(page.locator("#status svg path")).to_have_attribute("d", "M1 1h2")
    expect(page.locator("#say")).to_have_text("Ready about 18:40")
    expect(page.locator("#window")).to_have_text("18:42–18:50")
    expect(page.locator("#eta")).to_have_text("12")
    expect(page.locator("#eta")).to_have_class("changed")
    expect(page.locator("#row span")).to_have_text("12")
    expect(page.locator("#cancel")).to_be_hidden()
    expect(page.locator("#root")).to_have_attribute("data-live-version", "2")
    assert page.evaluate("window.reloads") == ["keys:reload"]
    elsewhere(happen, "order/ord_a", 3, data={"status": "PREPARING", "word": "PREPARING", "facts": {"n": 1, "m": 3}})
    expect(page.locator("#status .badge")).to_have_text("Picking, 1 of 3")
    elsewhere(happen, "order/ord_a", 4, data={"facts": {"n": 2, "m": 3}})
    expect(page.locator("#status .badge")).to_have_text("Picking, 2 of 3")
    wait_for(lambda: page.server.hub.sync_seconds, doing=page.title)
    assert page.evaluate("window.frames_") == [2, 3, 4]


def test_makes_up_for_what_it_missed_and_says_so(page, elsewhere):
    """The network goes for a while: the pill says it, facts stay; back again, every step is there once, in order."""
    expect(page.locator("[data-fresh-text]")).to_have_text("Live")
    elsewhere(happen, "order/ord_a", 2, data={"estimatedTime": 9})
    expect(page.locator("#eta")).to_have_text("9")
    page.context.set_offline(True)
    expect(page.locator("[data-fresh=off]")).to_contain_text("Offline · last seen")
    expect(page.locator("#eta")).to_have_text("9")
    page.server.cut()
    for version in (3, 4, 5):
        elsewhere(happen, "order/ord_a", version, data={"estimatedTime": version})
    page.context.set_offline(False)
    expect(page.locator("[data-fresh-text]")).to_have_text("Live again, nothing missed", timeout=15_000)
    expect(page.locator("#eta")).to_have_text("5")
    assert page.evaluate("window.frames_") == [2, 3, 4, 5]
    expect(page.locator("[data-fresh-text]")).to_have_text("Live", timeout=8_000)


def test_comes_back_when_the_server_goes(page, elsewhere):
    expect(page.locator("[data-fresh-text]")).to_have_text("Live")
    hub = page.server.hub
    before = set(hub.connections)
    next(iter(before)).closing.get_loop().call_soon_threadsafe(hub.send_off, 300)
    wait_for(lambda: set(hub.connections) and not set(hub.connections) & before, seconds=20, doing=page.title)
    elsewhere(happen, "order/ord_a", 2, data={"estimatedTime": 7})
    expect(page.locator("#eta")).to_have_text("7")


@pytest.mark.parametrize(("blocked", "way"), [(("/live/ws",), "events"), (("/live/ws", "/live/sse"), "poll")])
def test_falls_back_to_what_passes_and_climbs_again(page, elsewhere, blocked, way):
    """Whatever carries them, the versions come once, in order, none left out; also while the way changes."""
    page.server.blocked.update(blocked)
    page.goto(f"http://127.0.0.1:{page.server.port}/program")
    page.wait_for_function("way => window.states.at(-1) === way", arg=way)
    for version in (2, 3):
        elsewhere(happen, "order/ord_a", version)
    page.wait_for_function("window.frames_.at(-1) === 3")
    page.server.blocked.clear()
    version = 3
    while page.evaluate("window.states.at(-1)") != "socket":
        version += 1
        assert version < 500, "it never climbed"
        elsewhere(happen, "order/ord_a", version)
    elsewhere(happen, "order/ord_a", version + 1)
    page.wait_for_function("last => window.frames_.at(-1) === last", arg=version + 1)
    seen = page.evaluate("window.frames_")
    assert seen[0] <= 3  # whatever the first state that it read was
    assert seen == list(range(seen[0], version + 2))


@pytest.mark.parametrize("way", ["events", "poll"])
def test_without_a_socket_nothing_is_missed_when_the_line_is_cut(page, elsewhere, way):
    """Every connection is lost again and again under writes."""
    page.server.blocked.update({"events": {"/live/ws"}, "poll": {"/live/ws", "/live/sse"}}[way])
    page.goto(f"http://127.0.0.1:{page.server.port}/program")
    page.wait_for_function("way => window.states.at(-1) === way", arg=way)
    for version in range(2, 62):
        elsewhere(happen, "order/ord_a", version)
        if version % 20 == 0:
            page.server.cut()
    page.wait_for_function("window.frames_.at(-1) === 61", timeout=20_000)
    assert page.evaluate("window.states").count("down") >= 1 or way == "poll"
    assert page.evaluate("window.frames_.every((version, i, all) => !i || version > all[i - 1])")


def test_being_woken_ends_the_wait(page):
    """Online again, or looked at again: it does not sit out a pause that had grown long."""
    page.goto(f"http://127.0.0.1:{page.server.port}/program")
    page.wait_for_function("window.line.by === 'socket'")
    page.server.blocked.update({"/live/ws", "/live/sse", "/live/poll"})
    page.evaluate("window.line.tries = 20")  # then a pause is four seconds at least
    page.server.cut()
    page.wait_for_function("!window.line.by && !window.line.opening && window.line.timer")
    page.server.blocked.clear()
    page.evaluate("window.line.wake()")
    page.wait_for_function("window.line.by === 'socket' && window.line.silentMs < 3000", timeout=3_000)


def test_a_topic_that_ends_is_told_and_the_rest_goes_on(page, elsewhere):
    page.goto(f"http://127.0.0.1:{page.server.port}/program")
    page.wait_for_function("window.states.at(-1) === 'socket'")
    page.evaluate("window.line.follow('order/ord_none', {lost: (code) => (window.lost = code)})")
    page.wait_for_function("window.lost === 'not_found'")
    elsewhere(happen, "order/ord_a", 2)
    page.wait_for_function("window.frames_.at(-1) === 2")


CROWD = """async () => {
  const { Line } = await import("/static/shared/line.js");
  window.opened = 0;
  window.back = [];
  window.crowd = Array.from({ length: 24 }, () => {
    const line = new Line({ ways: ["socket"] });
    let was = false;
    line.addEventListener("state", ({ detail }) => {
      if (detail.open && was) window.back.push(performance.now());
      if (detail.open && !was) window.opened += 1;
      was = was || detail.open;
    });
    line.follow("order/ord_a");
    return line;
  });
}"""


def test_lines_come_back_spread_over_the_time_they_were_told(page):
    """A server that goes cuts them all at once; all of them at the door of the next one at once would be a storm."""
    page.evaluate(CROWD)
    hub = page.server.hub
    wait_for(lambda: page.evaluate("window.opened") == 24, doing=lambda: page.wait_for_timeout(20))
    loop = next(iter(hub.connections)).closing.get_loop()
    went = page.evaluate("performance.now()")
    loop.call_soon_threadsafe(hub.send_off, 3_000)
    page.wait_for_timeout(100)
    page.server.cut()
    wait_for(lambda: page.evaluate("window.back.length") == 24, doing=lambda: page.wait_for_timeout(50))
    back = sorted(moment - went for moment in page.evaluate("window.back"))
    assert back[-1] - back[0] > 1_500
    assert len({int(moment / 500) for moment in back}) >= 4
    page.evaluate("window.crowd.forEach((line) => line.close())")
