"""A real browser that shows one order's page, and says when each change was on it. It runs in a process of its own.

Standard input: one Screen as JSON; it says "shown" when the page is live. The next line is a version: when that is
drawn it gives, as JSON, for each change [version, when the page was written, when the browser had drawn it], both in
seconds since 1970.
"""

import json
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from playwright.sync_api import TimeoutError as NeverDrawn
from playwright.sync_api import sync_playwright

WHOLE = ("chromium", "chromium-browser", "google-chrome")
# the same engine without windows, if it is there: the frame of each window is pages too, painted all the time
NAMES = ("chromium-headless-shell", *WHOLE)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions")
# patch.js listens for the same event and was there first: when this runs, the page says what the frame said
NOTE = """() => {
  window.noted = [];
  document.addEventListener("live:frame", ({ detail }) => {
    const note = [detail.version, (performance.timeOrigin + performance.now()) / 1000, 0];
    window.noted.push(note);
    requestAnimationFrame(() => setTimeout(() => {
      note[2] = (performance.timeOrigin + performance.now()) / 1000;
    }));
  });
}"""
DRAWN = "version => window.noted.some(([noted, _written, drawn]) => noted >= version && drawn)"
PATIENCE = 10_000  # ms


@dataclass
class Screen:
    """The page and whose it is."""

    origin: str
    page: str
    session: str


def path(names: Iterable[str] = NAMES) -> str:
    """The first of these browsers that the system has; "" when it has none."""
    return next((found for name in names if (found := shutil.which(name))), "")


def main() -> None:
    """Show it."""
    screen = Screen(**json.loads(sys.stdin.readline()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path(), args=list(FLAGS))
        context = browser.new_context()
        context.add_cookies([{"name": "sessionid", "value": screen.session, "url": screen.origin}])
        page = context.new_page()
        with page.expect_websocket(timeout=60_000) as opened:
            page.goto(screen.origin + screen.page, timeout=60_000)
        opened.value.wait_for_event("framereceived", timeout=60_000)
        page.evaluate(NOTE)
        print("shown", flush=True)
        for version in sys.stdin:
            with suppress(NeverDrawn):  # then it is lost, and counted as such
                page.wait_for_function(DRAWN, arg=json.loads(version), timeout=PATIENCE)
            print(json.dumps(page.evaluate("() => window.noted.splice(0)")), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
