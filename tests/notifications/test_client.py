"""The Python client keeps its promises on every way: forward only, none twice, none left out, whatever is cut."""

import ast
import sys
import threading
from pathlib import Path

import pytest

from notifications.live import client
from notifications.live.client import Line, Refused, Way
from notifications.models import Event
from tests.notifications.conftest import happen, wait_for
from tests.notifications.test_page import PageServer

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = ["socket", "events", "poll"]


class Follower:
    """A program that iterates a line in a thread of its own."""

    def __init__(self, port, *topics, after=0, **options):
        self.line = Line(f"http://127.0.0.1:{port}", **options)
        for topic in topics:
            self.line.follow(topic, after)
        self.frames, self.failed = [], None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            for frame in self.line:
                self.frames.append(frame)
                if "position" in frame:
                    self.line.shown(frame["position"])
        except Refused as error:
            self.failed = error

    @property
    def versions(self):
        return [frame["version"] for frame in self.frames]

    def has(self, version):
        wait_for(lambda: self.failed or (self.frames and self.frames[-1].get("version") == version), seconds=20)
        assert not self.failed

    def close(self):
        self.line.close()
        self.thread.join(timeout=10)
        assert not self.thread.is_alive()


@pytest.fixture
def follow():
    """`follow(port, "order/ord_a", key="ord_a", ways=["poll"])`: a program, running."""
    opened = []

    def open_one(*words, **options):
        made = Follower(*words, **options)
        opened.append(made)
        return made

    yield open_one
    for made in opened:
        made.close()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(client, "FIRST_WAIT", 0.05)


@pytest.mark.parametrize("way", WAYS)
def test_misses_nothing_while_its_line_is_cut(relay, live, follow, quick, way):
    """The line is lost again and again under writes; the merged state is the database's."""
    happen("order/ord_a", 1, data={"status": "PENDING", "v": 1})
    ivy = follow(live.port, "order/ord_a", key="ord_a", ways=[way])
    ivy.has(1)
    assert (ivy.line.by, ivy.frames[0]["type"]) == (way, "snapshot")
    cuts = 0
    for version in range(2, 62):
        happen("order/ord_a", version, data={"v": version})
        if version % 20 == 0:
            wait_for(lambda: ivy.line.by)
            live.cut()
            cuts += 1
    ivy.has(61)
    assert cuts == 3
    assert ivy.versions == list(range(1, 62))
    assert ivy.line.states == {"order/ord_a": {"status": "PENDING", "v": 61}}
    assert ivy.line.silent_seconds < 5
    wait_for(lambda: live.hub.sync_seconds)


@pytest.mark.parametrize(("blocked", "way"), [({"/live/ws"}, "events"), ({"/live/ws", "/live/sse"}, "poll")])
def test_falls_back_to_what_passes_and_climbs_again(relay, follow, quick, monkeypatch, blocked, way):
    monkeypatch.setattr(client, "POLL_SECONDS", 1)
    server = PageServer()
    try:
        server.blocked.update(blocked)
        happen("order/ord_a", 1)
        ivy = follow(server.port, "order/ord_a", key="ord_a", climbs=[0.2])
        ivy.has(1)
        assert ivy.line.by == way
        server.blocked.clear()
        version = 1
        while ivy.line.by != "socket":
            version += 1
            assert version < 500, "it never climbed"
            happen("order/ord_a", version)
            ivy.has(version)
        happen("order/ord_a", version + 1)
        ivy.has(version + 1)
        assert ivy.versions == list(range(1, version + 2))
        ivy.close()
    finally:
        server.stop()


def test_goes_on_from_where_the_program_was(relay, live, follow):
    """Also when a topic is added while the line is open; what it may not follow ends with an `error`."""
    for version in range(1, 6):
        for way in WAYS:
            happen(f"order/ord_{way}", version)
    wait_for(lambda: not Event.objects.filter(position=None).exists())
    for way in WAYS:
        ivy = follow(live.port, f"order/ord_{way}", after=3, key=f"ord_{way}", ways=[way])
        ivy.has(5)
        assert ivy.versions == [4, 5]
        ivy.line.follow("order/ord_never")
        wait_for(lambda known=ivy.frames: known[-1]["type"] == "error")
        assert ivy.frames[-1] == {"type": "error", "code": "not_found", "topic": "order/ord_never"}
        happen(f"order/ord_{way}", 6)
        ivy.has(6)
        ivy.line.unfollow(f"order/ord_{way}")
        ivy.thread.join(timeout=10)
        assert not ivy.thread.is_alive()  # nothing is left to follow


def test_says_when_it_is_not_let_in_or_finds_nothing(relay, live, follow):
    happen("order/ord_a", 1)
    for way in WAYS:
        refused = follow(live.port, "order/ord_a", ticket=lambda: "used", ways=[way])
        refused.thread.join(timeout=10)
        assert isinstance(refused.failed, Refused)
        stranger = follow(live.port, "order/ord_a", key="ord_b", ways=[way])
        stranger.thread.join(timeout=10)
        assert stranger.frames == [{"type": "error", "code": "not_found", "topic": "order/ord_a"}]


def test_passes_on_only_what_is_next():
    """An old frame is dropped, one after a gap is asked for again, a state may jump."""

    class Asked(Way):
        topics = []

        def ask(self, topic):
            self.topics.append(topic)

    line = Line("http://127.0.0.1:1")
    line.follow("order/ord_a", 3)
    line._way = Asked(line)

    def told(kind, version):
        frame = {"type": kind, "topic": "order/ord_a", "stream": "order/ord_a", "version": version, "data": {}}
        return [frame["version"] for frame in line._take(frame)]

    assert told("order.paid", 3) == []
    assert told("order.paid", 5) == []
    assert Asked.topics == ["order/ord_a"]
    assert [told("order.paid", 4), told("order.paid", 5), told("snapshot", 9), told("snapshot", 8)] == [
        [4],
        [5],
        [9],
        [],
    ]


def test_is_one_file_that_needs_nothing_of_ours():
    tree = ast.parse(Path(client.__file__).read_text())
    named = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in ast.walk(tree)
             if isinstance(node, ast.Import | ast.ImportFrom)]  # fmt: skip
    assert {name.split(".")[0] for name in named} - set(sys.stdlib_module_names) == {"websockets"}
