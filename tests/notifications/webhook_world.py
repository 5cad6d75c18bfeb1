"""A sender with its outbox in a thread, endpoints of the tests' own, and the log that feeds them."""

import asyncio
import threading
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection

from config.ground import clock
from notifications.log.leadership import PostgresBook
from notifications.log.readers import Reader
from notifications.models import Circuit, Endpoint, Event, Message, RegisteredHost
from notifications.outside import signing
from notifications.outside.transport import Transport
from notifications.outside.wake import Wake
from notifications.webhooks import endpoints
from notifications.webhooks.outbox import READER, Named, Outbox
from notifications.webhooks.sender import Sender, Stamp
from tests.notifications.conftest import happen, wait_for

TYPES = ("thing.placed", "thing.moved", "thing.done")
TOPIC = "customer/usr_a"
TESTER = endpoints.By("customer", "usr_a")


def body(event):
    """The test's own document, with the names that sinks look for."""
    if event.data.get("secret"):
        return None
    payload = {"orderId": event.ref, "sequence": event.version, "position": event.position}
    return {"eventType": event.type, "payload": payload}


def make_outbox(named=lambda event: None, besides=None, wake=lambda: None):
    def addresses(events):
        return {event.position: address for event in events if (address := named(event))}

    return Outbox(dict.fromkeys(TYPES, body), addresses, besides or {}, wake)


def number():
    """Give what was appended its positions, as the sequencer does; nothing is published."""
    book = PostgresBook()
    book.lead()
    try:
        while book.number(500):
            pass
    finally:
        book.let_go()


def tell(ref, version, kind="thing.moved", *, topics=(TOPIC,), **fields):
    happen(f"order/{ref}", version, kind, topics=topics, **fields)


def read(outbox=None):
    """Number the log and let the outbox read all of it."""
    number()
    reader = Reader(READER, outbox or make_outbox())
    while reader.step():
        pass


def make_endpoint(url, *, account="usr_a", topic=TOPIC, **fields):
    """An endpoint that proved itself long ago."""
    host = url.split("/")[2]
    endpoint = Endpoint(
        account=account, topic=topic, url=url, host=host, state="WORKING", proved_at=clock.now(), **fields
    )
    endpoint.known_secret = endpoints._give_secret(endpoint)
    endpoint.save()
    Circuit.objects.get_or_create(host=host)
    RegisteredHost.objects.get_or_create(account=account, host=host)
    return endpoint


@contextmanager
def sending(outbox=None, *, wall_seconds=1.0, wake=None, stamp=Stamp, **options):
    """A running sender."""
    stop, wake = threading.Event(), wake or Wake()
    sender = Sender(
        outbox or make_outbox(),
        wake,
        stamp=stamp,
        transport=lambda: Transport(wall_seconds=wall_seconds, **options),
    )
    thread = threading.Thread(target=lambda: asyncio.run(sender.run(stop)))
    thread.start()
    try:
        yield wake
    finally:
        stop.set()
        wake()
        thread.join(timeout=20)
        assert not thread.is_alive()


def all_settled():
    connection.close()
    return not Message.objects.filter(state="WAITING").exists()


def states():
    return dict(Message.objects.order_by("position", "id").values_list("type", "state"))


def make_due(**which):
    """Skip the pauses: what is due later is due now, and no circuit is open."""
    Message.objects.filter(state="WAITING", next_at__isnull=False, sending_until=None, **which).update(
        next_at=clock.now() - timedelta(seconds=1)
    )
    Circuit.objects.update(open_until=None)


__all__ = [
    "TESTER",
    "TOPIC",
    "Event",
    "Named",
    "all_settled",
    "make_due",
    "make_endpoint",
    "make_outbox",
    "number",
    "read",
    "sending",
    "signing",
    "states",
    "tell",
    "wait_for",
]
