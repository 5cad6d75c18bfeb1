"""What the simulation found in hub and subscription, each by itself; no database, no Redis: only `read` stands in."""

import asyncio

import pytest

from notifications.live import subscription as module
from notifications.live.connection import Connection, Visitor
from notifications.live.events import EventStream
from notifications.live.hub import Hub
from notifications.live.person import NOBODY, Credential
from notifications.live.reading import Reading
from notifications.live.subscription import Subscription
from notifications.live.topics import Topic

TOPIC = Topic(lambda *_: "customer", lambda *_: (1, {}), replay=True)


class Slow:
    """A pool whose reads end when told to."""

    def __init__(self):
        self.waiting = []

    async def run(self, read):
        done = asyncio.get_running_loop().create_future()
        self.waiting.append(done)
        await done
        return read()


@pytest.fixture
def hub(monkeypatch):
    """A hub that listens to nobody, and reads version 1 at position 1 of everything."""
    monkeypatch.setattr(module, "read", lambda *_: Reading(("{}",), 1, 1))
    monkeypatch.setattr("notifications.live.hub.Pool", Slow)
    hub = Hub({"order": TOPIC}, {})
    hub._epoch, hub._counter = 2, 0
    return hub


def open_line(hub, kind=Connection):
    sent = []

    async def send(message):
        sent.append(message)

    line = kind(hub, send, Visitor(Credential("session", ""), NOBODY, "127.0.0.1"))
    return line, sent


def follow(hub, line):
    subscription = Subscription(line, TOPIC, "order/a", "a", "customer")
    line.subscriptions["order/a"] = subscription
    hub.join(subscription)
    return subscription


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_subscription_that_moves_to_another_role_while_it_reads_is_filled_all_the_same(hub):
    """As the minute's look at rights does it: leave, another role, join, refill."""

    async def story():
        line, _sent = open_line(hub)
        subscription = follow(hub, line)
        subscription.refill()
        await turns()
        assert len(hub.pool.waiting) == 1
        hub.leave(subscription)
        subscription.role = "merchant"
        hub.join(subscription)
        subscription.refill()
        await turns()
        hub.pool.waiting[-1].set_result(None)
        await turns()
        return subscription.live

    assert asyncio.run(story())


def test_a_fenced_leader_that_wakes_is_not_believed_and_moves_no_counter(hub):
    async def story():
        return await hub._deliver(b"1 900 order/a 9 99 *|{}")

    assert asyncio.run(story()) == 0
    assert (hub._counter, hub.reached, hub.resyncs) == (0, 0, 0)


def test_a_stream_says_no_id_before_the_last_frame_that_was_kept_while_reading(hub):
    """The hub has reached 3; the id 3 may stand behind the frame of position 3 only, not at the one before it."""

    async def story():
        line, sent = open_line(hub, EventStream)
        line.is_complete = True
        subscription = follow(hub, line)
        subscription.refill()
        await turns()
        for version in (2, 3):
            await hub._deliver(b'2 %d order/a %d %d *|{"v":%d}' % (version - 1, version, version, version))
        hub.pool.waiting[-1].set_result(None)
        await turns()
        return [message["body"].decode() for message in sent]

    told = asyncio.run(story())
    assert told == ["data: {}\n\n", 'data: {"v":2}\n\n', 'data: {"v":3}\n\n', "id: 3\n\n"]


def test_while_others_have_a_turn_the_cursor_waits(hub, monkeypatch):
    """A frame goes to many; a stream that is served meanwhile must not say that it has it already."""
    monkeypatch.setattr("notifications.live.hub.TURN", 1)
    reached = []

    async def look():
        for _ in range(3):
            reached.append(hub.reached)
            await asyncio.sleep(0)

    async def story():
        for _ in range(3):
            line, _sent = open_line(hub)
            subscription = follow(hub, line)
            subscription.live, subscription.version = True, 1
        looking = asyncio.create_task(look())
        await hub._deliver(b"2 1 order/a 2 7 *|{}")
        await looking

    asyncio.run(story())
    assert reached == [0, 0, 0]
    assert hub.reached == 7
