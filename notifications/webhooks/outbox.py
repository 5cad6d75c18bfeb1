"""From events to messages: a reader of the log that freezes what is to be said, to whom, in the order it happened.

It opens no envelope itself: config/webhooks.py hands it the bodies. The reader's cursor and the messages share one
transaction, so a relay that dies here says nothing twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
import orjson
from django.db import transaction

from config.ground import clock, ids
from notifications.log import Heard
from notifications.webhooks import lanes
from notifications.webhooks.endpoints import signer_for
from notifications.webhooks.lanes import Hearer
from notifications.webhooks.models import Endpoint, Message

READER = "webhooks"  # its name in config/events.py

Body = Callable[[Heard], Mapping[str, Any] | None]


class Named(NamedTuple):
    """Where one order asked to be told: for which account, at which address."""

    account: str
    url: str


Addresses = Callable[[Sequence[Heard]], Mapping[int, Named]]
"""Position → the address that the order of that event named, where it did."""


class Besides(NamedTuple):
    """A second document of one event, said first and below a named address only: its path and its body."""

    path: str
    body: Body


@dataclass(frozen=True)
class Outbox:
    """The reader. A body may be None: there is nothing to say to programs."""

    bodies: Mapping[str, Body]
    addresses: Addresses = lambda _events: {}
    besides: Mapping[str, Besides] = field(default_factory=dict)
    wake: Callable[[], None] = lambda: None

    @property
    def hears(self) -> frozenset[str]:
        """The types that are said at all; the log's reader passes over the others."""
        return frozenset(self.bodies)

    def __call__(self, event: Heard) -> None:
        """Write the messages of one event; the caller's transaction also moves the cursor."""
        self.hear_all([event])

    def hear_all(self, events: Sequence[Heard]) -> None:
        """Write the messages of several events. All endpoints are locked at once, in the order in which others do."""
        named = self.addresses(events)
        signers = {one: signer_for(one.account, one.url) for one in sorted(set(named.values()))}
        topics = {topic for event in events for topic in _topics(event)}
        hearers = lanes.hearing(topics, [signer.pk for signer in signers.values() if signer])
        if not hearers:
            return
        for event in events:
            address = named.get(event.position)
            self._write(event, hearers, address, signers.get(address) if address else None)
        transaction.on_commit(self.wake, robust=True)

    def _write(self, event: Heard, hearers: Iterable[Hearer], named: Named | None, signer: Endpoint | None) -> None:
        """Write what those of the endpoints have to say of one event that hear it or sign for it."""
        topics = _topics(event)
        hearing = [one for one in hearers if one.hears(topics)]
        signs = signer is not None and any(one.pk == signer.pk for one in hearers)
        document = self.bodies[event.type](event) if hearing or signs else None
        if document is None:
            return
        said = [_message(event, one, "", document) for one in hearing]
        if named and signer and signs:
            said += self._for_named(event, signer, named.url, document, said)
        _insert(event, said, {one.pk for one in hearers if one.is_working})

    def again(self, event: Heard, endpoint: Endpoint) -> bool:
        """Say one event again to an endpoint that the caller has locked; whether there was something to say.

        What it was told is reset; what was forgotten since, or never said, is made anew, with the id that it has.
        """
        old = list(Message.objects.filter(endpoint=endpoint, position=event.position).values_list("pk", flat=True))
        said = self._said_by(event, endpoint)
        if not old and not said:
            return False
        Message.objects.bulk_create(said, ignore_conflicts=True)
        reset(Message.objects.filter(pk__in=old))
        lanes.arrange(endpoint, event.stream)
        return True

    def _said_by(self, event: Heard, endpoint: Endpoint) -> list[Message]:
        """Everything that this endpoint has to say of an event."""
        named = self.addresses([event]).get(event.position)
        signer = signer_for(named.account, named.url) if named and named.account == endpoint.account else None
        hears = endpoint.hears_all and endpoint.topic in _topics(event)
        signs = named is not None and signer is not None and signer.pk == endpoint.pk
        document = self.bodies[event.type](event) if hears or signs else None
        if document is None:
            return []
        said = [_message(event, endpoint, "", document)] if hears else []
        if named and signs:
            said += self._for_named(event, endpoint, named.url, document, said)
        return said

    def _for_named(
        self, event: Heard, signer: Endpoint, url: str, document: Mapping[str, Any], said: Iterable[Message]
    ) -> list[Message]:
        """What goes to the address that the order itself named, once even when that is a registered endpoint too."""
        found = []
        first = self.besides.get(event.type)
        if first is not None:
            below = first.body(event)
            found += [_message(event, signer, _below(url, first.path), below)] if below else []
        told = {message.endpoint_id for message in said}
        if not (signer.pk in told and signer.url == url):
            found.append(_message(event, signer, url, document))
        return found


def reset(messages: Any) -> int:
    """Let settled messages wait again, from the beginning of the schedule; returns how many."""
    return int(messages.update(state=Message.State.WAITING, tries=0, next_at=None, sending_until=None, settled_at=None))


def _insert(event: Heard, said: list[Message], working: set[int]) -> None:
    """Insert the messages, each lane's first one due. This is the newest event of its stream: it joins at the end."""
    now = clock.now()
    behind = lanes.waited_for({message.endpoint_id for message in said}, event.stream)
    for message in said:
        if message.endpoint_id in working and message.endpoint_id not in behind:
            message.next_at = now
            behind.add(message.endpoint_id)
    Message.objects.bulk_create(said, ignore_conflicts=True)  # a replay may have been here first


def _message(event: Heard, to: Endpoint | Hearer, url: str, document: Mapping[str, Any]) -> Message:
    """Its id follows from what it says to whom: made again, it is the same one to its receiver."""
    return Message(
        public_id=ids.derived_id("msg", to.public_id, event.position, url),
        endpoint_id=to.pk, host=to.host, url=url, type=event.type, stream=event.stream, version=event.version,
        position=event.position, body=orjson.dumps(document).decode(), traceparent=event.traceparent,
    )  # fmt: skip


def _topics(event: Heard) -> set[str]:
    return {event.stream, *event.topics}


def _below(url: str, path: str) -> str:
    """`https://a.example/hook?x=1` + `/order-status` → `https://a.example/hook/order-status?x=1`."""
    parts = httpx.URL(url)
    return str(parts.copy_with(path=parts.path.rstrip("/") + path))
