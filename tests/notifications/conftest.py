"""A relay and a live server of the tests' own: real PostgreSQL, Redis, uvicorn and sockets, topics of a test table."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager, suppress

import pytest
import redis
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from websockets.sync.client import connect

from notifications import log
from notifications.live import rights, server
from notifications.live.app import LiveApplication
from notifications.live.person import Person, from_session
from notifications.live.topics import Topic
from notifications.log import sequencer
from notifications.log.wire import hint_channel, redis_connection
from notifications.models import Event
from tests.notifications import sinks


def happen(stream, version, kind="thing.happened", **fields):
    """Commit one event."""
    with transaction.atomic():
        log.append(log.Envelope(stream, version, kind, **fields))


def wait_for(condition, seconds=10.0, doing=lambda: None):
    """Wait until the condition holds; returns what it gave. A browser's `doing` keeps its events moving meanwhile."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        doing()
        time.sleep(0.005)
    raise AssertionError("waited in vain")


def state_of(ref, role):
    """The test topics' snapshot: all data of the stream merged, with its version."""
    events = Event.objects.filter(stream=f"order/{ref}").order_by("version")
    if not events:
        raise ObjectDoesNotExist
    state = {}
    for event in events:
        state |= event.data | event.only.get(role, {})
    return events.last().version, state


def follows_order(person, ref):
    if ref in person.guest_orders:
        return "customer"
    return "staff" if person.is_staff else None


TOPICS = {
    "order": Topic(follows_order, state_of, replay=True),
    "shop": Topic(
        lambda person, ref: "merchant" if ref in person.guest_orders else None,
        lambda ref, role: (0, {"orders": Event.objects.filter(topics__contains=[f"shop/{ref}"]).count()}),
    ),
}


PEOPLE = {"session": from_session, "key": lambda secret: Person(1, "usr_k", guest_orders=frozenset({secret}))}


@pytest.fixture
def relay(transactional_db):
    """A running sequencer."""
    with running_relay():
        yield


@contextmanager
def running_relay():
    stop, numbered = threading.Event(), threading.Event()
    thread = threading.Thread(target=sequencer.run, args=(stop, numbered))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        with suppress(redis.RedisError):
            redis_connection().publish(hint_channel(), b"")  # it looks for its end when it hears of something
        thread.join(timeout=10)
        assert not thread.is_alive()


class LiveServer:
    """One uvicorn in a thread, as the live process runs it."""

    def __init__(self, topics=TOPICS, people=PEOPLE, **options):
        self.app = LiveApplication(topics, origins=["https://shop.example"], people=people)
        self.server = server.server(self.wrap(self.app), port=0, **options)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        wait_for(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def wrap(self, live):
        """What is served; a page's test adds the page."""
        return live

    def cut(self):
        """Lose every line, as a network does."""
        for line in list(self.server.server_state.connections):
            line.loop.call_soon_threadsafe(line.transport.abort)

    @property
    def hub(self):
        return self.app.hub

    def stop(self):
        self.server.should_exit = True
        self.thread.join(timeout=20)
        assert not self.thread.is_alive()


def check_rights(live):
    """Do at once what the hub does each minute."""
    lines = sorted(live.hub.connections, key=lambda line: line.number)
    if lines:
        looking = rights.look_again(live.hub, lines)
        asyncio.run_coroutine_threadsafe(looking, lines[0].closing.get_loop()).result(5)


@pytest.fixture
def live(transactional_db):
    server = LiveServer()
    yield server
    server.stop()


class Client:
    """A browser that speaks lockstep.v1 and remembers nothing."""

    def __init__(self, port, *, session="", subprotocols=("lockstep.v1",), headers=None, path="/live/ws", **options):
        headers = {"Cookie": f"sessionid={session}"} | (headers or {})
        self.socket = connect(
            f"ws://127.0.0.1:{port}{path}", subprotocols=subprotocols, additional_headers=headers,
            compression=None, legacy=True, **options,
        )  # fmt: skip

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def follow(self, topic, version=None):
        after = {} if version is None else {"after": {"version": version}}
        self.say(type="subscribe", topic=topic, **after)

    def hear(self, *, timeout=5.0, passing=("welcome", "ping")):
        """The next frame that is not small talk."""
        while True:
            frame = json.loads(self.socket.recv(timeout=timeout))
            if frame["type"] not in passing:
                return frame

    def closed_with(self):
        """The code and reason with which the server hangs up."""
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                self.socket.recv(timeout=5)
        except ConnectionClosed as closed:
            return closed.rcvd.code, closed.rcvd.reason


@pytest.fixture
def visit(live):
    """`visit("ord_a", "res_b")`: a client whose session may follow these; closed at the end."""
    opened = []

    def open_one(*refs, user=None, **options):
        session = SessionStore()
        session["guest_orders"] = list(refs)
        if user is not None:
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        client = Client(live.port, session=session.session_key, **options)
        client.session = session
        opened.append(client)
        return client

    yield open_one
    for client in opened:
        client.socket.close()


@pytest.fixture
def sink(settings):
    """`sink(behave)`: a receiver on loopback that may be called; stopped at the end."""
    opened = []

    def open_one(behave=sinks.well):
        one = sinks.Sink(behave)
        opened.append(one)
        settings.WEBHOOK_PRIVATE_HOSTS = [*settings.WEBHOOK_PRIVATE_HOSTS, one.host]
        return one

    yield open_one
    for one in opened:
        one.stop()


@pytest.fixture(autouse=True)
def _threads_leave_the_database(request):
    yield
    if "transactional_db" in request.fixturenames:
        connection.close()
