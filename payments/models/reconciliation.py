"""What the hourly check did, and what did not add up until somebody or something explained it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from config.ground import clock, ids


def new_difference_id() -> str:
    """A fresh `dif_…`."""
    return ids.new_id("dif")


class Run(models.Model):
    """One run of the check, kept also when it found nothing.

    `found` maps each pass to its counts, zeros included: looked_at, repaired, set_aside, left, seconds (as a number),
    and `error` when the pass itself broke off.
    """

    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    found = models.JSONField(default=dict)
    newest_order = models.BigIntegerField(default=0)  # primary key of the newest order when it began
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["-started_at"], name="runs_newest_first")]


class Difference(models.Model):
    """One thing on which two sides disagree. `subject` names it: an order, a trade number, a refund, an account."""

    class Kind(models.TextChoices):
        GATEWAY_ONLY = "GATEWAY_ONLY", "Only at the gateway"
        LOCAL_ONLY = "LOCAL_ONLY", "Only in our books"
        AMOUNT = "AMOUNT", "Amount differs"
        STATE = "STATE", "State differs"
        REFUND_ONLY_GATEWAY = "REFUND_ONLY_GATEWAY", "Refund only at the gateway"
        REFUND_ONLY_LOCAL = "REFUND_ONLY_LOCAL", "Refund only in our books"
        REFUND_AMOUNT = "REFUND_AMOUNT", "Refund amount differs"
        REFUND_STATE = "REFUND_STATE", "Refund state differs"
        FEE = "FEE", "Fee differs"

    class State(models.TextChoices):
        OPEN = "OPEN", "To decide"
        WAIT_NEXT_DAY = "WAIT_NEXT_DAY", "Waits for tomorrow’s bill"
        AUTO_FIXED = "AUTO_FIXED", "Repaired by itself"
        MANUAL = "MANUAL", "Decided"
        IGNORED = "IGNORED", "Not a difference"

    UNDECIDED = (State.OPEN, State.WAIT_NEXT_DAY)

    public_id = models.CharField(max_length=24, unique=True, default=new_difference_id, editable=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=14, choices=State.choices, default=State.OPEN)
    subject = models.CharField(max_length=80)
    channel = models.CharField(max_length=8, blank=True)
    day = models.DateField(null=True, blank=True)  # of the bill in which it was found
    order_ref = models.CharField(max_length=24, blank=True)  # public id of the order it is about
    ours_minor = models.BigIntegerField(null=True, blank=True)
    theirs_minor = models.BigIntegerField(null=True, blank=True)
    facts = models.JSONField(default=dict)
    remark = models.CharField(max_length=300, blank=True)
    found_at = models.DateTimeField(default=clock.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    in_charge = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="differences_in_charge"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="differences_decided"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(state__in=["OPEN", "WAIT_NEXT_DAY"]),
                name="a_difference_is_open_once",
            ),
            models.CheckConstraint(
                name="a_decision_has_a_remark", condition=~Q(state__in=["IGNORED", "MANUAL"]) | ~Q(remark="")
            ),
        ]
        indexes = [
            models.Index(
                fields=["found_at", "id"],
                name="differences_undecided",
                condition=Q(state__in=["OPEN", "WAIT_NEXT_DAY"]),
            ),
            models.Index(fields=["subject", "-id"], name="differences_of_a_subject"),
        ]
        permissions = [("decide_difference", "Can decide differences")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class DifferenceStep(models.Model):
    """What was done about a difference, by whom (nobody: by itself) and why; rows only grow (trigger)."""

    difference = models.ForeignKey(Difference, on_delete=models.PROTECT, related_name="steps")
    did = models.CharField(max_length=16)  # found, taken, waits, reopened, repaired, decided, ignored
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    remark = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        triggers = [pgtrigger.Protect(name="steps_only_grow", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.difference} {self.did}"
