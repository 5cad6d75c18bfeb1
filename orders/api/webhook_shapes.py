"""The documents by which programs manage their endpoints and catch up, for orders/api/webhooks.py and feed.py."""

from typing import Any

from rest_framework import serializers

from notifications.models import Attempt, Message
from notifications.webhooks.reading import Shown
from orders.api.shapes import StatusChange

STATES = ("UNPROVED", "PROVING", "WORKING", "FAILING", "PAUSED", "GONE", "STOPPED")
MESSAGE_STATES = ("DUE", "SENDING", "RETRY", "HELD", "KEPT", "DONE", "GIVEN_UP")


class WebhookRequest(serializers.Serializer[Any]):
    """An address to be told at: of all your orders, or (`restaurantId`) of all orders of a shop where you work.

    With `hearsAll` false it hears nothing by itself; it proves its host, so that orders may name it in their
    `notificationUrl`, and signs what is sent there.
    """

    url = serializers.CharField(max_length=500)
    restaurantId = serializers.CharField(max_length=24, required=False)
    hearsAll = serializers.BooleanField(default=True)


class WebhookChange(serializers.Serializer[Any]):
    """Another address; it has to prove itself."""

    url = serializers.CharField(max_length=500)


class Webhook(serializers.Serializer[Any]):
    """An endpoint. `reached` of `position`: everything up to there was heard or given up."""

    webhookId = serializers.CharField()
    url = serializers.CharField()
    hearsAll = serializers.BooleanField()
    state = serializers.ChoiceField(choices=STATES)
    challengeError = serializers.CharField(help_text="why the last challenge failed; empty when it did not")
    provedAt = serializers.DateTimeField(allow_null=True)
    failingSince = serializers.DateTimeField(allow_null=True)
    lastAnswer = serializers.CharField(help_text="of the last failed try")
    waiting = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="messages that were given up")
    reached = serializers.IntegerField()
    position = serializers.IntegerField()
    secretEndsIn = serializers.CharField()
    secretNumber = serializers.IntegerField(help_text="grows with each new secret")
    oldSecretSignsUntil = serializers.DateTimeField(allow_null=True)


class WebhookPage(serializers.Serializer[Any]):
    """All endpoints of an account or a shop."""

    results = Webhook(many=True)


class WebhookMade(Webhook):
    """An endpoint with its whole secret, which is never shown again."""

    secret = serializers.CharField(help_text="`whsec_…`")


class SecretRequest(serializers.Serializer[Any]):
    """How long the old secret also signs; with `secretNumber` a request that is sent twice replaces once."""

    overlapHours = serializers.IntegerField(min_value=0, max_value=168, default=24)
    secretNumber = serializers.IntegerField(required=False)


class ResendRequest(serializers.Serializer[Any]):
    """What to send again: everything from a position, or what was given up since; neither: what waits, at once."""

    fromPosition = serializers.IntegerField(min_value=1, required=False)
    failedSince = serializers.DateTimeField(required=False)


class Resent(serializers.Serializer[Any]):
    """How many messages; of everything from a position, how many events there are to say again."""

    count = serializers.IntegerField()


class AttemptShape(serializers.Serializer[Any]):
    """One try."""

    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    milliseconds = serializers.IntegerField()
    checkpoint = serializers.IntegerField(
        allow_null=True, help_text="positions under the signed checkpoint that this try carried"
    )


class MessageShape(serializers.Serializer[Any]):
    """A message; `messageId` is its `webhook-id`."""

    messageId = serializers.CharField()
    eventType = serializers.CharField()
    orderId = serializers.CharField()
    sequence = serializers.IntegerField()
    position = serializers.IntegerField()
    state = serializers.ChoiceField(choices=MESSAGE_STATES)
    nextAt = serializers.DateTimeField(allow_null=True)
    body = serializers.CharField(help_text="exactly what is signed and sent")
    attempts = AttemptShape(many=True)


class MessagePage(serializers.Serializer[Any]):
    """Newest first; `next` is the `before` of the next page, null on the last one."""

    results = MessageShape(many=True)
    next = serializers.CharField(allow_null=True)


class MessageQuery(serializers.Serializer[Any]):
    """`?state=&orderId=&before=&limit=`."""

    state = serializers.ChoiceField(choices=Message.State.values, required=False)
    orderId = serializers.CharField(max_length=24, required=False)
    before = serializers.CharField(max_length=24, required=False, help_text="a messageId: only what is older")
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)


class FeedQuery(serializers.Serializer[Any]):
    """`?after=&limit=&restaurantId=`."""

    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=100)
    restaurantId = serializers.CharField(max_length=24, required=False)


class Feed(serializers.Serializer[Any]):
    """What happened, in the order of the log; `next` is the `after` of the next call, also when nothing was found."""

    results = StatusChange(many=True)
    next = serializers.IntegerField()
    more = serializers.BooleanField(help_text="whether calling again at once finds more to read")


def webhook(shown: Shown) -> dict[str, Any]:
    """`Webhook` as JSON-ready values."""
    endpoint = shown.endpoint
    return {
        "webhookId": endpoint.public_id,
        "url": endpoint.url,
        "hearsAll": endpoint.hears_all,
        "state": shown.state,
        "challengeError": endpoint.challenge_error,
        "provedAt": _iso(endpoint.proved_at),
        "failingSince": _iso(endpoint.failing_since),
        "lastAnswer": endpoint.last_answer,
        "waiting": shown.waiting,
        "failed": shown.failed,
        "reached": shown.reached,
        "position": shown.last,
        "secretEndsIn": endpoint.secret_tail,
        "secretNumber": endpoint.secret_count,
        "oldSecretSignsUntil": _iso(endpoint.old_signs_until),
    }


def message(found: Message, key: str) -> dict[str, Any]:
    """`MessageShape` as JSON-ready values; `key` is its state's word."""
    return {
        "messageId": found.public_id,
        "eventType": found.type,
        "orderId": found.ref,
        "sequence": found.version,
        "position": found.position,
        "state": key,
        "nextAt": _iso(found.next_at),
        "body": found.body,
        "attempts": [_attempt(attempt) for attempt in found.attempts.all()],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": _iso(attempt.at),
        "status": attempt.status,
        "error": attempt.error,
        "milliseconds": attempt.ms,
        "checkpoint": attempt.checkpoint,
    }


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
