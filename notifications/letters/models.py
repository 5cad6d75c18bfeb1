"""What is remembered of letters: each one with its tries, who wants which, and the browsers that take pushes.

A person is a text: an account's public id (`usr_…`), for a guest the stream of the order (`order/ord_…`), or whoever
reads an address that an account gave and nobody has confirmed yet (`asked/usr_…`).
"""

from datetime import time
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from config.ground import clock, ids

ASKED = "asked/"


class Channel(models.TextChoices):
    """How a letter travels."""

    EMAIL = "EMAIL", "E-mail"
    PUSH = "PUSH", "Push"
    SMS = "SMS", "SMS"


class About(models.TextChoices):
    """What a letter is about: the rows of the preferences page. SERVICE cannot be turned off."""

    ORDER = "ORDER", "Order news"
    REFUND = "REFUND", "Refunds"
    MARKETING = "MARKETING", "Offers and reminders"
    SERVICE = "SERVICE", "Service"


def new_letter_id() -> str:
    """A fresh `let_…`, the same on every try."""
    return ids.new_id("let")


def new_subscription_id() -> str:
    """A fresh `sub_…`."""
    return ids.new_id("sub")


class Letter(models.Model):
    """One letter to one person by one channel, its words frozen when it was written.

    It is caused by the event at `position`; `device` is the subscription that a push goes to. Where it goes is looked
    up when it is sent, so no address is kept here. Words are deleted after a while (`erased_at`), the row stays.
    `claims` counts who took it to send; a result of an earlier claim changes nothing.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting"
        SENT = "SENT", "Sent"
        GIVEN_UP = "GIVEN_UP", "Given up"
        DROPPED = "DROPPED", "Not wanted any more"

    public_id = models.CharField(max_length=24, unique=True, default=new_letter_id, editable=False)
    person = models.CharField(max_length=60)
    channel = models.CharField(max_length=5, choices=Channel.choices)
    kind = models.CharField(max_length=40)
    about = models.CharField(max_length=9, choices=About.choices)
    stream = models.CharField(max_length=80)
    position = models.BigIntegerField()
    device = models.CharField(max_length=24, blank=True)
    language = models.CharField(max_length=10)
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    link = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    why = models.CharField(max_length=200, blank=True)  # why it was given up, dropped, or held
    tries = models.PositiveIntegerField(default=0)
    claims = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["position", "person", "channel", "kind", "device"], name="letter_once"),
            models.CheckConstraint(
                name="letter_waits_or_is_settled",
                condition=Q(state="WAITING", next_at__isnull=False) | (~Q(state="WAITING") & Q(next_at__isnull=True)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["channel", "next_at"], name="letter_due", condition=Q(state="WAITING")),
            models.Index(fields=["person", "-id"], name="letter_of_person"),
            models.Index(fields=["created_at"], name="letter_to_erase", condition=Q(erased_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def account(self) -> str:
        """The account it belongs to, also when it goes to an address that is not confirmed; a guest's stream."""
        return self.person.removeprefix(ASKED)

    @property
    def ref(self) -> str:
        """The public id in its stream's name: `ord_…`."""
        return self.stream.partition("/")[2]


class LetterAttempt(models.Model):
    """One try to send a letter: `error` empty when it was taken."""

    letter = models.ForeignKey(Letter, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=clock.now)
    error = models.CharField(max_length=200, blank=True)
    ms = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.letter_id}: {self.error or 'taken'}"


class PushSubscription(models.Model):
    """A browser of an account that takes pushes. Its address and keys are sealed: whoever has them may write to it."""

    public_id = models.CharField(max_length=24, unique=True, default=new_subscription_id, editable=False)
    account = models.CharField(max_length=40)
    fingerprint = models.BinaryField(max_length=32, unique=True)  # of the address, to find it again
    sealed = models.BinaryField()  # {"endpoint", "p256dh", "auth"}
    host = models.CharField(max_length=260)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account"], name="push_of_account")]

    def __str__(self) -> str:
        return self.public_id


def default_zone() -> str:
    """The zone of whoever has chosen none."""
    return str(settings.TIME_ZONE)


class Preferences(models.Model):
    """What an account wants to hear by which channel; without a row the defaults hold (preferences.DEFAULTS).

    `choices` is {about: [channel, …]}. Quiet hours hold back marketing only and are told by the clock of `zone`.
    """

    account = models.CharField(max_length=40, primary_key=True)
    choices = models.JSONField(default=dict, blank=True)
    zone = models.CharField(max_length=40, default=default_zone)
    quiet_from = models.TimeField(default=time(21))
    quiet_to = models.TimeField(default=time(9))
    saved_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return self.account


class Consent(models.Model):
    """An account said yes or no to marketing: when, to which wording, and where. The newest row counts; none is no."""

    account = models.CharField(max_length=40)
    given = models.BooleanField()
    wording = models.CharField(max_length=20)
    how = models.CharField(max_length=12)  # page, link, one-click, erased
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "-id"], name="consent_of_account")]

    def __str__(self) -> str:
        return f"{self.account}: {'yes' if self.given else 'no'} at {self.at:%Y-%m-%d}"
