"""Taking due messages to send, and writing down how it went: what the sender does in the database, and nothing else.

A claim is a row's moved `next_at` (the lease); it is committed before anything is sent. A sender that dies loses its
claims to the lease, and the same message, with the same id, is tried again.
"""

import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, connection, transaction

from config.ground import clock
from notifications.outside.retry_after import seconds_asked
from notifications.outside.transport import Answer
from notifications.webhooks import lanes, schedule
from notifications.webhooks.endpoints import SYSTEM, tell
from notifications.webhooks.models import LEASE_SECONDS, Attempt, Circuit, Endpoint, Message

MOST_A_HOST = 4  # messages on their way to one host, over all senders
GONE = 410

logger = logging.getLogger(__name__)

# Each host with something due, its circuit locked so that two senders do not both count the same free places. The
# healthy go first, and a host whose last try failed gets one place.
CLAIM = """
WITH ready AS MATERIALIZED (
    SELECT c.host, CASE WHEN c.failures = 0 THEN %(most_a_host)s ELSE 1 END - (
               SELECT count(*) FROM notifications_message s WHERE s.host = c.host AND s.sending_until > %(now)s
           ) AS places
      FROM notifications_circuit c
     WHERE (c.open_until IS NULL OR c.open_until <= %(now)s)
       AND EXISTS (SELECT 1 FROM notifications_message d
                    WHERE d.host = c.host AND d.state = 'WAITING' AND d.next_at <= %(now)s)
     ORDER BY c.failures
       FOR UPDATE OF c SKIP LOCKED
),
picked AS MATERIALIZED (
    SELECT one.id FROM ready, LATERAL (
        SELECT m.id FROM notifications_message m
         WHERE m.host = ready.host AND m.state = 'WAITING' AND m.next_at <= %(now)s
         ORDER BY m.next_at, m.id LIMIT greatest(ready.places, 0) FOR UPDATE SKIP LOCKED
    ) one LIMIT %(most)s
)
UPDATE notifications_message m
   SET next_at = %(lease)s, sending_until = %(lease)s, claims = m.claims + 1
  FROM picked WHERE m.id = picked.id
RETURNING m.id, m.public_id, m.endpoint_id, m.url, m.body, m.claims, m.traceparent
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this sender, and no other, sends now; `secrets` sign it."""

    pk: int
    public_id: str
    endpoint: int
    url: str
    body: bytes
    claim: int
    traceparent: str
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How sending one claimed message went, when it began, and over how many positions the carried checkpoint was."""

    claimed: Claimed
    answer: Answer
    at: datetime
    checkpoint: int | None = None


def claim(most: int) -> list[Claimed]:
    """Take up to `most` due messages, at most four on their way to one host."""
    if most <= 0:
        return []
    now = clock.now()
    lease = now + timedelta(seconds=LEASE_SECONDS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "lease": lease, "most": most, "most_a_host": MOST_A_HOST})
        rows = cursor.fetchall()
        endpoints = Endpoint.objects.in_bulk({row[2] for row in rows})
    secrets = {pk: endpoint.secrets_at(now) for pk, endpoint in endpoints.items()}
    return [
        Claimed(pk, public_id, to, url or endpoints[to].url, body.encode(), number, trace, secrets[to])
        for pk, public_id, to, url, body, number, trace in rows
    ]


def settle(outcomes: list[Outcome]) -> None:
    """Write down every outcome and go on in its lane, in one transaction; what is written down is taken off the list.

    An outcome that cannot be written down for another reason than PostgreSQL's absence is dropped: its claim runs
    out, and the message is tried again.
    """
    try:
        _settle_all(outcomes)
    except Error:
        raise
    except Exception:
        logger.exception("%s outcomes could not be settled at once", len(outcomes))
        for outcome in outcomes if len(outcomes) > 1 else ():
            settle([outcome])
    outcomes.clear()


@transaction.atomic
def _settle_all(outcomes: Sequence[Outcome]) -> None:
    """Locks in the order of the house of webhooks: endpoints, circuits, messages, rows of one kind by key."""
    said = [outcome.claimed for outcome in outcomes]
    endpoints = {one.pk: one for one in _locked(Endpoint, {one.endpoint for one in said}, "pk")}
    hosts = {endpoint.host for endpoint in endpoints.values()}
    circuits = {one.host: one for one in _locked(Circuit, hosts, "host")}
    messages = {one.pk: one for one in _locked(Message, {one.pk for one in said}, "pk")}
    before = {id(row): _health(row) for row in (*endpoints.values(), *circuits.values())}
    Attempt.objects.bulk_create([_attempt(outcome) for outcome in outcomes])
    settled = []
    for outcome in outcomes:
        endpoint = endpoints[outcome.claimed.endpoint]
        _judge_host(circuits[endpoint.host], clock.now(), is_well=outcome.answer.is_heard)
        _judge_endpoint(endpoint, outcome.answer, clock.now())
        message = messages[outcome.claimed.pk]
        if message.claims == outcome.claimed.claim and message.state == Message.State.WAITING:
            _judge_message(endpoint, message, outcome.answer)
            settled.append(message)
    Message.objects.bulk_update(settled, ["state", "tries", "next_at", "sending_until", "settled_at"])
    for row in (*endpoints.values(), *circuits.values()):
        if before[id(row)] != _health(row):
            row.save()
    lanes.go_on([(message.endpoint_id, message.stream) for message in settled])


def _locked(model: Any, keys: Iterable[Any], key: str) -> Any:
    return model.objects.select_for_update(no_key=True).filter(**{f"{key}__in": list(keys)}).order_by(key)


def _health(row: Endpoint | Circuit) -> tuple[Any, ...]:
    """What an outcome may change."""
    if isinstance(row, Circuit):
        return row.failures, row.openings, row.open_until
    return row.failures, row.failing_since, row.last_answer, row.state


def _attempt(outcome: Outcome) -> Attempt:
    answer = outcome.answer
    reply = answer.reply.decode(errors="replace").replace("\0", "")[:500]
    return Attempt(
        message_id=outcome.claimed.pk, at=outcome.at, status=answer.status, error=answer.error[:200].replace("\0", ""),
        ms=answer.ms, reply=reply, checkpoint=outcome.checkpoint,
    )  # fmt: skip


def _judge_message(endpoint: Endpoint, message: Message, answer: Answer) -> None:
    """Done, to be tried again after a pause, or given up. Nobody else has claimed it meanwhile."""
    now = clock.now()
    message.tries += 1
    message.sending_until = message.next_at = None
    asked = seconds_asked(answer.status, answer.retry_after, now)
    wait = schedule.wait_before(message.tries, random.random(), asked)  # noqa: S311 - spreads tries, guards nothing
    if answer.is_heard:
        message.state, message.settled_at = Message.State.DONE, now
    elif answer.status == GONE and message.url:
        _give_up_address(message, now)
    elif answer.status == GONE:
        _disable(endpoint)
    elif wait is None:
        message.state, message.settled_at = Message.State.GIVEN_UP, now
    elif endpoint.is_working:
        message.next_at = now + timedelta(seconds=wait)


def _disable(endpoint: Endpoint) -> None:
    """It said that it is gone for good; what waits keeps waiting."""
    if endpoint.is_working:
        endpoint.state = Endpoint.State.GONE
        lanes.stop(endpoint)
        tell(endpoint, "webhook.disabled", SYSTEM, why="410")


def _judge_host(circuit: Circuit, now: datetime, *, is_well: bool) -> None:
    """Close the host's circuit, or open it after too many failures in a row."""
    if is_well:
        circuit.failures, circuit.openings, circuit.open_until = 0, 0, None
        return
    circuit.failures += 1
    pause = schedule.break_after(circuit.failures, circuit.openings, random.random())  # noqa: S311 - as above
    if pause is not None and (circuit.open_until is None or circuit.open_until <= now):
        circuit.open_until = now + timedelta(seconds=pause)
        circuit.openings += 1


def _judge_endpoint(endpoint: Endpoint, answer: Answer, now: datetime) -> None:
    """Since when it has failed; one success is enough to be well again."""
    if not answer.is_heard:
        endpoint.failing_since = endpoint.failing_since or now
        endpoint.failures += 1
        endpoint.last_answer = (str(answer.status) if answer.status else answer.error)[:80]
    elif endpoint.failing_since is not None:
        if endpoint.told_at is not None:
            tell(endpoint, "webhook.recovered", SYSTEM)
        endpoint.failing_since, endpoint.failures, endpoint.last_answer, endpoint.told_at = None, 0, "", None


def _give_up_address(message: Message, now: datetime) -> None:
    """The address that one order named is gone: so is what else was to be said there."""
    message.state, message.settled_at = Message.State.GIVEN_UP, now
    others = Message.objects.filter(endpoint=message.endpoint, stream=message.stream, url=message.url, state="WAITING")
    others.exclude(pk=message.pk).update(state="GIVEN_UP", next_at=None, sending_until=None, settled_at=now)


def stop_what_fails() -> int:
    """Disable every endpoint that has failed for five days, and tell the log; returns how many. What waits stays."""
    long_ago = clock.now() - schedule.STOP_AFTER
    due = Endpoint.objects.filter(state=Endpoint.State.WORKING, failing_since__lte=long_ago).values_list(
        "pk", flat=True
    )
    stopped = 0
    for pk in due:
        with transaction.atomic():
            endpoint = lanes.locked(pk)
            if not endpoint.is_working or endpoint.failing_since is None or endpoint.failing_since > long_ago:
                continue
            endpoint.state = Endpoint.State.STOPPED
            endpoint.save(update_fields=["state"])
            lanes.stop(endpoint)
            tell(endpoint, "webhook.disabled", SYSTEM, why="5 days")
            stopped += 1
    return stopped
