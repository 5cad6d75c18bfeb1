"""Browser windows on the running product, one or more for each person of a story; loaded by `-p tests.windows`.

`window("ana")` signs in through the real page and gives a Window; `window()` is somebody without an account.
A window watches its pages: whatever the browser complains about (an error in the console, a broken content security
policy, an uncaught exception) fails the test that opened it, unless the story said `expects(…)` before.
"""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

from bench import screen
from config.demo.people import PASSWORD
from tests.product import Product

PATIENCE = 20_000  # ms; a machine that runs the other tests beside may be slow, the promise of 1 s is a bench's
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
USUAL: dict[str, Any] = {
    "viewport": {"width": 1280, "height": 900},
    "locale": "en-GB",
    "reduced_motion": "reduce",  # what moves for ever is painted for ever, on the processor of the other tests
}
WATCH_POLICY = (
    "document.addEventListener('securitypolicyviolation', "
    "(e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`))"
)


class Window:
    """One tab, seen as a person sees it: by the words on buttons, links and fields."""

    def __init__(self, page: Page, address: str, person: str) -> None:
        self.page, self.address, self.person = page, address, person
        self.complaints: list[str] = []
        self.frames: list[str] = []  # what arrived on the live line
        self._expected: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.add_init_script(WATCH_POLICY)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("websocket", lambda line: line.on("framereceived", lambda frame: self.frames.append(str(frame))))

    def goes_to(self, path: str) -> "Window":
        """Open one of our pages by its path, or another by its address."""
        self.page.goto(path if path.startswith("http") else self.address + path)
        return self

    def presses(self, words: str, inside: str = "body") -> None:
        """Press the first button or link that says this; `inside` narrows where to look."""
        part = self.page.locator(inside)
        button, link = (part.get_by_role(role, name=words) for role in ("button", "link"))
        button.or_(link).first.click()

    def chooses(self, *words: str) -> None:
        """Tick the boxes and circles with these labels."""
        for label in words:
            choice = self.page.locator("label", has_text=re.compile(f"^\\s*{re.escape(label)}"))
            choice.locator("input[type=radio], input[type=checkbox]").first.check()

    def writes(self, label: str, text: str) -> None:
        """Fill in a field."""
        self.page.get_by_label(label).first.fill(text)

    def sees(self, words: str, inside: str = "body", within: float = PATIENCE) -> None:
        """The words are there, or come by themselves."""
        expect(self.part(inside, words)).to_be_visible(timeout=within)

    def no_longer_sees(self, words: str, inside: str = "body") -> None:
        """The words are not there, or go by themselves."""
        expect(self.part(inside, words)).to_have_count(0, timeout=PATIENCE)

    def part(self, inside: str, words: str) -> Locator:
        """The first visible thing that says this."""
        return self.page.locator(inside).get_by_text(words).filter(visible=True).first

    def settles(self) -> None:
        """From here on the story happens on this very page: it is live, and it will not be loaded again."""
        expect(self.page.locator("[data-fresh=live]").first).to_be_attached(timeout=PATIENCE)
        self.page.evaluate("window.hasStayed = true")

    def has_stayed(self) -> bool:
        """Whether this is still the page that settled."""
        return bool(self.page.evaluate("window.hasStayed === true"))

    def lines_opened(self) -> int:
        """How often the server has greeted a live line of this tab."""
        return sum('"type":"welcome"' in frame for frame in self.frames)

    def pays_in_new_tab(self, words: str = "Sandbox: open the cashier") -> None:
        """Follow the button to the gateway's cashier, press pay there, and come back to this tab."""
        with self.page.expect_popup() as opened:
            self.presses(words)
        opened.value.locator("#pay").click()
        expect(opened.value.locator("#state")).to_have_attribute("data-state", "paid", timeout=PATIENCE)
        opened.value.close()

    def another_tab(self, path: str) -> "Window":
        """The same person opens a second tab."""
        tab = Window(self.page.context.new_page(), self.address, self.person)
        tab.complaints, tab._expected = self.complaints, self._expected
        return tab.goes_to(path)

    def expects(self, pattern: str) -> None:
        """The story makes the browser complain about this on purpose (a regular expression)."""
        self._expected.append(pattern)

    def _hear(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        text = f"{message.text} ({where})"
        is_ours = not where or where.startswith(self.address)
        if message.type == "error" and is_ours and not any(re.search(pattern, text) for pattern in self._expected):
            self.complaints.append(text)


OpenWindow = Callable[..., Window]


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The system's chromium, headless. For one file only: while it runs, Django's ORM refuses to work beside it.

    A file that says `TOLD_IN = WHOLE` wants what only the whole browser has.
    """
    path = screen.path(getattr(request.module, "TOLD_IN", screen.NAMES))
    if not path:
        pytest.skip("NO CHROMIUM: the stories in the browser were not told. `make browser` installs it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), env=_quiet())
        yield browser
        browser.close()


@pytest.fixture
def window(product: Product, browser: Browser) -> Iterator[OpenWindow]:
    """Opens windows; closes them at the end and fails when one of them has complained."""
    contexts: list[BrowserContext] = []
    windows: list[Window] = []

    def open_window(person: str = "", **options: Any) -> Window:
        context = browser.new_context(**USUAL | options)
        contexts.append(context)
        opened = tab(context, product.address, person)
        windows.append(opened)
        if person:
            signs_in(opened)
        return opened

    yield open_window
    for context in contexts:
        context.close()
    complaints = [f"{window.person or 'guest'}: {line}" for window in windows for line in window.complaints]
    assert not complaints, "\n".join(complaints)


def tab(context: BrowserContext, address: str, person: str) -> Window:
    """A new tab of a browser, watched."""
    return Window(context.new_page(), address, person)


def signs_in(window: Window) -> None:
    """Through the one door, with name and password."""
    window.goes_to("/account/signin/")
    window.writes("Phone number or user name", window.person)
    window.writes("Password", PASSWORD)
    window.presses("Sign in", inside="main")
    window.page.wait_for_url(lambda url: "/account/signin" not in url)


def _quiet() -> dict[str, str | float | bool]:
    """Chromium's world without a session bus to complain about."""
    return dict(os.environ) | {"DBUS_SESSION_BUS_ADDRESS": "disabled:"}
