"""What delivery to programs remembers: who may be called where, what is to be said, and how each try went."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from config.ground import clock, ids, vault

LEASE_SECONDS = 30  # a try ends after 15 s; whoever claimed a message and says nothing for so long is dead


def new_endpoint_id() -> str:
    """A fresh `ep_…`."""
    return ids.new_id("ep")


def new_message_id() -> str:
    """A fresh `msg_…`: the webhook-id, the same on every try. What outbox.py writes has one that can be made again."""
    return ids.new_id("msg")


class RegisteredHost(models.Model):
    """A host that an account may be notified at. `host` is lower case, with the port when it is not the scheme's."""

    account = models.CharField(max_length=40)
    host = models.CharField(max_length=260)
    registered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "host"], name="host_once_an_account"),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.host}"


class Circuit(models.Model):
    """The breaker of a host, shared by everybody who is notified there; `open_until` set: nobody is called before.

    After that moment one message is tried; it closes the circuit or opens it for longer.
    """

    host = models.CharField(max_length=260, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    openings = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.host


class Endpoint(models.Model):
    """An address that an account proved to be its own, and where its events go.

    `account` is a public id (`usr_…`, `res_…`), `topic` the log's topic whose events it hears. With `hears_all` off
    it only signs for the addresses that single orders name on its host.
    """

    class State(models.TextChoices):
        UNPROVED = "UNPROVED", "Not proved yet"
        WORKING = "WORKING", "Working"
        PAUSED = "PAUSED", "Paused"
        GONE = "GONE", "Disabled by its answer 410"
        STOPPED = "STOPPED", "Disabled after 5 days"
        REMOVED = "REMOVED", "Removed"

    public_id = models.CharField(max_length=24, unique=True, default=new_endpoint_id, editable=False)
    account = models.CharField(max_length=40)
    topic = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    host = models.CharField(max_length=260)
    hears_all = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.UNPROVED)
    version = models.PositiveIntegerField(default=0)
    secret_sealed = models.BinaryField()
    secret_tail = models.CharField(max_length=4)
    secret_count = models.PositiveIntegerField(default=1)
    old_secret_sealed = models.BinaryField(default=b"", blank=True)
    old_signs_until = models.DateTimeField(null=True, blank=True)
    challenge_at = models.DateTimeField(null=True, blank=True)
    challenge_error = models.CharField(max_length=200, blank=True)
    proved_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_answer = models.CharField(max_length=80, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "url"], name="endpoint_once_an_account", condition=~Q(state="REMOVED")
            ),
            models.CheckConstraint(
                name="endpoint_works_when_proved", condition=~Q(state="WORKING") | Q(proved_at__isnull=False)
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["topic"], name="endpoint_by_topic"),
            models.Index(fields=["challenge_at"], name="endpoint_to_prove", condition=Q(challenge_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def stream(self) -> str:
        """Where the log tells what happened to it."""
        return f"webhook/{self.public_id}"

    @property
    def is_working(self) -> bool:
        """Whether messages are sent to it now."""
        return self.state == self.State.WORKING

    def secrets_at(self, moment: datetime) -> list[str]:
        """The secrets that sign at `moment`, the current one first."""
        sealed = [bytes(self.secret_sealed)]
        if self.old_secret_sealed and self.old_signs_until is not None and self.old_signs_until > moment:
            sealed.append(bytes(self.old_secret_sealed))
        return [vault.unseal(secret, self.secret_place(self.public_id)).decode() for secret in sealed]

    @staticmethod
    def secret_place(public_id: str) -> str:
        """What the vault binds a secret to."""
        return f"endpoint|secret|{public_id}"


class Message(models.Model):
    """One thing to say to one address; its body was frozen when it happened.

    The waiting messages of one endpoint and stream form a lane: only its first one has a `next_at`, the others are
    held behind it. `next_at` NULL also when the endpoint is not working. `url` empty: wherever the endpoint is.
    `claims` counts who took it to send; a result of an earlier claim changes nothing.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting"
        DONE = "DONE", "Done"
        GIVEN_UP = "GIVEN_UP", "Given up"

    public_id = models.CharField(max_length=24, unique=True, default=new_message_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="messages")
    host = models.CharField(max_length=260)
    url = models.CharField(max_length=520, blank=True)
    type = models.CharField(max_length=60)
    stream = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    position = models.BigIntegerField()
    body = models.TextField()
    traceparent = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    claims = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    sending_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "position", "url"], name="message_once"),
            models.CheckConstraint(
                name="message_settled_has_no_due", condition=Q(state="WAITING") | Q(next_at__isnull=True)
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["host", "next_at"],
                name="message_due",
                condition=Q(state="WAITING", next_at__isnull=False),
            ),
            models.Index(
                fields=["endpoint", "stream", "position", "id"], name="message_lane", condition=Q(state="WAITING")
            ),
            models.Index(fields=["host", "sending_until"], name="message_sent_now", condition=~Q(sending_until=None)),
            models.Index(fields=["endpoint", "state", "position"], name="message_list"),
            models.Index(fields=["stream", "position"], name="message_of_stream"),
            models.Index(fields=["settled_at"], name="message_settled", condition=Q(settled_at__isnull=False)),
        ]
        triggers: ClassVar = [
            pgtrigger.ReadOnly(
                name="message_is_frozen",
                fields=["public_id", "endpoint", "url", "type", "stream", "version", "position", "body"],
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def ref(self) -> str:
        """The public id in its stream's name: `ord_…`."""
        return self.stream.partition("/")[2]


class Attempt(models.Model):
    """One try to say a message: what was answered (`status`), or why there was no answer (`error`), and how fast.

    `checkpoint` is the size of the signed checkpoint that this try carried away; empty before the first was signed.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=clock.now)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    ms = models.PositiveIntegerField(default=0)
    reply = models.CharField(max_length=500, blank=True)
    checkpoint = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.status or self.error}"


class Replay(models.Model):
    """Everything from a position on, said again to one endpoint: `next_position` is the first not yet prepared."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="replays")
    next_position = models.BigIntegerField()
    until_position = models.BigIntegerField()
    count = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint"], name="one_replay_at_once", condition=Q(ended_at=None)),
            models.CheckConstraint(
                name="replay_goes_forward",
                condition=Q(next_position__gte=1) & Q(next_position__lte=F("until_position") + 1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} from {self.next_position}"
