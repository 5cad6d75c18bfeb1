"""The page for developers keeps its word: every example on it runs as it stands, against the running product."""

import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import httpx
import pytest

from config.local.processes import wait_until
from tests.product import STACK
from tests.stompjs import PACKAGES

pytestmark = STACK

CODE = re.compile(r'<code id="[^"]+" data-code="([^"]+)">(.*?)</code>', re.DOTALL)
SHOWN = {"setup.sh", "frame.json", "message.json", "stomp.sh"}  # these need no running


class Desk:
    """A developer's folder: the page's code in files, and programs that run there."""

    def __init__(self, product, folder, order):
        self.folder, self.running = folder, []
        page = httpx.get(f"{product.address}/developers/", trust_env=False)
        self.code = {name: unescape(text) for name, text in CODE.findall(page.text)}
        for name, text in self.code.items():
            (folder / name).write_text(text)
        names = {"SHOP": product.address, "KEY": product.api_key, "ORDER": order}
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "", "PYTHONUNBUFFERED": "1"} | names
        assert f"export SHOP={product.address}\n" in self.code["setup.sh"]

    def runs(self, name):
        """A shell example to its end; what it prints. Installing packages is left to the test's own."""
        lines = [line for line in self.code[name].splitlines() if not line.startswith("pip install")]
        done = subprocess.run(
            ["sh", "-e"], input="\n".join(lines), cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=30, check=True,
        )  # fmt: skip
        return done.stdout

    def starts(self, name):
        """An example that goes on; `says` reads what it has printed so far."""
        how = {".py": [sys.executable], ".mjs": ["node"], ".sh": ["sh"]}[name[name.index(".") :]]
        out = (self.folder / f"{name}.out").open("w+")
        words = [*how, str(self.folder / name)]
        process = subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=out, stderr=subprocess.STDOUT)
        self.running.append((process, out))

    def says(self, name, words, seconds=25):
        """Wait until it has printed this."""
        said = self.folder / f"{name}.out"
        assert wait_until(lambda: words in said.read_text(), seconds=seconds), f"{name}: {said.read_text()}"

    def close(self):
        for process, out in self.running:
            process.kill()
            process.wait()
            out.close()


@pytest.fixture
def desk(product, story, tmp_path):
    """Ivy's, with an order of hers."""
    order = story.orders(product.program())
    made = Desk(product, tmp_path, order)
    yield made
    made.close()


def test_every_example_follows_the_order(product, desk):
    """Shell, Python, node and STOMP, all at once: each says the state, then that the shop accepted."""
    programs = ["stream.sh", "follow.py"]
    desk.runs("python.sh")
    first = json.loads(desk.runs("poll.sh"))["frames"][0]
    assert (first["type"], first["data"]["status"]) == ("snapshot", "PENDING")
    assert json.loads(desk.runs("ticket.sh"))["ticket"]
    if shutil.which("node") and (PACKAGES / "@stomp").is_dir():
        desk.runs("node.sh")
        (desk.folder / "node_modules").symlink_to(PACKAGES)
        programs += ["follow.mjs", "stomp.mjs"]
    for name in programs:
        desk.starts(name)
    for name in programs:
        desk.says(name, "snapshot")
    product.program("bruno").post(f"/orders/{desk.environment['ORDER']}/confirm", {"minutes": 10})
    for name in programs:
        desk.says(name, "order.confirmed")
    told = json.loads(desk.runs("events.sh"))["results"]
    assert told[-1]["eventType"] == "order.confirmed"
    shape = json.loads(desk.code["message.json"])
    assert shape["payload"].keys() == told[-1]["payload"].keys()
    if "stomp.mjs" not in programs:
        pytest.skip("NO STOMP CLIENT of somebody else's: the examples for node were not run. `make test` says why.")


def test_the_example_of_a_receiver_takes_what_is_signed(product, desk):
    """Registered, challenged, told; and what is not signed is refused."""
    ivy = product.program()
    port = product.sink_port
    product.rows("DELETE FROM notifications_circuit")  # earlier stories found nobody here
    for known in ivy.get("/webhooks")["results"]:
        ivy.asks("DELETE", f"/webhooks/{known['webhookId']}")
    desk.environment |= {"HOOK": f"http://localhost:{port}/hook", "PORT": str(port)}
    made = json.loads(desk.runs("register.sh"))
    desk.environment |= {"SECRET": made["secret"], "HOOK_ID": made["webhookId"]}
    desk.starts("receiver.py")
    assert wait_until(lambda: _answer(port) == 401, seconds=20)
    desk.runs("challenge.sh")
    assert wait_until(lambda: ivy.get(f"/webhooks/{made['webhookId']}")["state"] == "WORKING", seconds=20)
    product.program("bruno").post(f"/orders/{desk.environment['ORDER']}/confirm", {"minutes": 10})
    desk.says("receiver.py", "order.confirmed CONFIRMED")


def test_every_example_is_tried(desk):
    """A new block on the page without a test fails here."""
    tried = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in desk.code if name not in SHOWN and f'"{name}"' not in tried] == []


def _answer(port):
    forged = {"webhook-id": "msg_x", "webhook-timestamp": "1", "webhook-signature": "v1,eA=="}
    try:
        return httpx.post(f"http://localhost:{port}/", content=b"{}", headers=forged, trust_env=False).status_code
    except httpx.HTTPError:
        return 0
