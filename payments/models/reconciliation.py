"""What the hourly check did, and what did not add up until somebody or something explained it."""

from django.db import models
from django.db.models import Q

from config.ground import clock


class Run(models.Model):
    """One run of the check, kept also when it found nothing; `found` maps what was looked for to a count."""

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

    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=14, choices=State.choices, default=State.OPEN)
    subject = models.CharField(max_length=80)
    channel = models.CharField(max_length=8, blank=True)
    ours_minor = models.BigIntegerField(null=True, blank=True)
    theirs_minor = models.BigIntegerField(null=True, blank=True)
    facts = models.JSONField(default=dict)
    remark = models.CharField(max_length=300, blank=True)
    found_at = models.DateTimeField(default=clock.now)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(state="OPEN"), name="a_difference_is_open_once"
            ),
            models.CheckConstraint(name="ignoring_needs_a_remark", condition=~Q(state="IGNORED") | ~Q(remark="")),
        ]
