"""Does this address belong to who registered it? It is asked a question that only its server can repeat.

The sender asks and brings the answer here: a 2xx whose body is the question's token, plain or as
`{"challenge": "<token>"}`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson
from django.db import transaction

from config.ground import clock, ids
from notifications.outside.transport import Answer
from notifications.webhooks import endpoints
from notifications.webhooks.models import LEASE_SECONDS, Endpoint

MOST_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on its way: to which endpoint, at which address, with which token."""

    pk: int
    url: str
    token: str
    secrets: Sequence[str]


def claim() -> list[Asked]:
    """The endpoints that have to prove themselves now; asked again when the sender dies."""
    now = clock.now()
    with transaction.atomic():
        rows = Endpoint.objects.select_for_update(no_key=True, skip_locked=True)
        due = list(rows.filter(challenge_at__lte=now).order_by("challenge_at")[:MOST_AT_ONCE])
        if not due:
            return []
        lease = now + timedelta(seconds=LEASE_SECONDS)
        Endpoint.objects.filter(pk__in=[endpoint.pk for endpoint in due]).update(challenge_at=lease)
    return [Asked(one.pk, one.url, ids.new_secret(), one.secrets_at(now)) for one in due]


def settle(asked: Asked, answer: Answer) -> None:
    """Write down whether it is proved, and in a few words why not."""
    endpoints.answer_challenge(asked.pk, asked.url, _fault(asked.token, answer))


def _fault(token: str, answer: Answer) -> str:
    if answer.status is None:
        return answer.error
    if not answer.is_heard:
        return f"answered {answer.status}"
    said = answer.reply.decode(errors="replace").strip()
    if said == token:
        return ""
    try:
        document = orjson.loads(said)
    except orjson.JSONDecodeError:
        document = None
    repeated = isinstance(document, dict) and document.get("challenge") == token
    return "" if repeated else f"answered {answer.status}, but not with the challenge"
