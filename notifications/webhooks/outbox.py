"""From events to messages: a reader of the log that freezes what is to be said, to whom, in the order it happened.

It opens no envelope itself: config/webhooks.py hands it the bodies. The reader's cursor and the messages share one
transaction, so a relay that dies here says nothing twice.
"""

from collections.abc import Callable, Iterable, Mapping
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


class Besides(NamedTuple):
    """A second document of one event, said first and below a named address only: its path and its body."""

    path: str
    body: Body


@dataclass(frozen=True)
class Outbox:
    """The reader. A body may be None: there is nothing to say to programs."""

    bodies: Mapping[str, Body]
    address_of: Callable[[Heard], Named | None] = lambda _event: None
    besides: Mapping[str, Besides] = field(default_factory=dict)
    wake: Callable[[], None] = lambda: None

    @property
    def hears(self) -> frozenset[str]:
        """The types that are said at all; the log's reader passes over the others."""
        return frozenset(self.bodies)

    def __call__(self, event: Heard) -> None:
        """Write the messages of one event; the caller's transaction also moves the cursor."""
        named = self.address_of(event)
        signer = signer_for(named.account, named.url) if named else None
        hearers = lanes.hearing([event.stream, *event.topics], signer.pk if signer else 0)
        document = self.bodies[event.type](event) if hearers else None
        if document is None:
            return
        said = [_message(event, one, "", document) for one in hearers if one.hears_all]
        if named and signer:
            said += self._for_named(event, signer, named.url, document, said)
        _write(event, said, {one.pk for one in hearers if one.is_working})
        transaction.on_commit(self.wake, robust=True)

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
        named = self.address_of(event)
        signer = signer_for(named.account, named.url) if named and named.account == endpoint.account else None
        hears = endpoint.hears_all and endpoint.topic in {event.stream, *event.topics}
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


def _write(event: Heard, said: list[Message], working: set[int]) -> None:
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


def _below(url: str, path: str) -> str:
    """`https://a.example/hook?x=1` + `/order-status` → `https://a.example/hook/order-status?x=1`."""
    parts = httpx.URL(url)
    return str(parts.copy_with(path=parts.path.rstrip("/") + path))
