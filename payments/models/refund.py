"""Money on its way back: one row per refund, one `out_refund_no` for all its tries."""

import pgtrigger
from django.db import models
from django.db.models import Q

from config.ground import clock, ids
from payments.models.attempt import Attempt

NEVER_BACK = """
    IF OLD.state = 'SUCCESS' AND NEW.state <> 'SUCCESS' THEN
        RAISE EXCEPTION 'refund %: money that went back stays back', OLD.out_refund_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'returned_never_regresses';
    END IF;
    IF NEW.amount_minor <> OLD.amount_minor OR NEW.attempt_id <> OLD.attempt_id
       OR NEW.out_refund_no <> OLD.out_refund_no THEN
        RAISE EXCEPTION 'refund %: number, payment and amount never change', OLD.out_refund_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_keeps_its_identity';
    END IF;
    RETURN NEW;
"""


def new_refund_id() -> str:
    """A fresh `rf_…`, also the number the gateway knows it by."""
    return ids.new_id("rf")


class Refund(models.Model):
    """So much of one attempt goes back. The amount is reserved on the attempt when the row is made."""

    class State(models.TextChoices):
        REQUESTED = "REQUESTED", "Requested"
        SUBMITTED = "SUBMITTED", "Submitted"
        UNKNOWN = "UNKNOWN", "Unknown, same number retried"
        PROCESSING = "PROCESSING", "Processing"
        SUCCESS = "SUCCESS", "Success"
        ABNORMAL = "ABNORMAL", "Abnormal, needs a person"
        FAILED = "FAILED", "Failed, needs a person"

    class Reason(models.TextChoices):
        CUSTOMER = "CUSTOMER", "Customer"
        MERCHANT_REJECT = "MERCHANT_REJECT", "Merchant reject"
        LATE = "LATE", "Late"
        DUPLICATE = "DUPLICATE", "Duplicate"
        MISMATCH = "MISMATCH", "Mismatch"
        OUT_OF_STOCK = "OUT_OF_STOCK", "Out of stock"
        STRUCK_OUT = "STRUCK_OUT", "Struck out"
        MERCHANT = "MERCHANT", "By the shop"
        MANUAL = "MANUAL", "Manual"

    class Way(models.TextChoices):
        """How a person gave it back; empty: the gateway did."""

        CASH = "CASH", "Counted out in cash"
        BANK = "BANK", "Bank transfer"

    DUE = (State.REQUESTED, State.SUBMITTED, State.UNKNOWN, State.PROCESSING)

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="refunds")
    out_refund_no = models.CharField(max_length=64, unique=True, default=new_refund_id, editable=False)
    idempotency_key = models.CharField(max_length=80, unique=True)
    amount_minor = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=15, choices=Reason.choices)
    words = models.CharField(max_length=200, blank=True)  # MANUAL, MERCHANT: what a person wrote
    item = models.JSONField(default=dict, blank=True)  # {"en", "zh"} of the line it is for
    line_no = models.PositiveSmallIntegerField(null=True, blank=True)
    actor = models.CharField(max_length=40, blank=True)  # who asked for it: role, or role:usr_…
    found_by = models.CharField(max_length=8, blank=True)  # made without us: how we learned of it (InboxEntry.Source)
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    gateway_refund_no = models.CharField(max_length=64, blank=True)
    tries = models.PositiveIntegerField(default=0)
    refusals = models.PositiveSmallIntegerField(default=0)  # definite answers "no" in a row
    next_try_at = models.DateTimeField(null=True, blank=True, default=clock.now)
    faults = models.PositiveSmallIntegerField(default=0)  # answers in a row that could not be written down
    set_aside_at = models.DateTimeField(null=True, blank=True)  # that happened too often: a person looks first
    set_aside_why = models.CharField(max_length=300, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    requested_at = models.DateTimeField(default=clock.now)
    submitted_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    way = models.CharField(max_length=4, choices=Way.choices, blank=True)
    reference = models.CharField(max_length=64, blank=True)  # of the receipt or the transfer
    paid_out_by = models.CharField(max_length=40, blank=True)  # role:usr_… of the person who gave it back

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["attempt"],
                condition=Q(reason__in=["LATE", "DUPLICATE", "MISMATCH"]),
                name="one_automatic_refund_per_attempt",
            ),
            models.CheckConstraint(name="a_refund_returns_something", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="a_refund_that_succeeded_says_when",
                condition=(Q(state="SUCCESS") & Q(succeeded_at__isnull=False))
                | (~Q(state="SUCCESS") & Q(succeeded_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="given_back_by_hand_says_who_and_how",
                condition=Q(way="", reference="", paid_out_by="")
                | (Q(way__in=["CASH", "BANK"], state="SUCCESS") & ~Q(reference="") & ~Q(paid_out_by="")),
            ),
            models.UniqueConstraint(fields=["reference"], name="one_transfer_ends_one_refund", condition=Q(way="BANK")),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                name="refunds_due",
                condition=Q(state__in=["REQUESTED", "SUBMITTED", "UNKNOWN", "PROCESSING"]),
            ),
            models.Index(fields=["succeeded_at"], name="refunds_by_bill", condition=Q(state="SUCCESS")),
            models.Index(
                fields=["-set_aside_at", "-id"], name="refunds_set_aside", condition=Q(set_aside_at__isnull=False)
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="refunds_go_forward", when=pgtrigger.Before, operation=pgtrigger.Update, func=NEVER_BACK
            ),
            pgtrigger.Protect(name="refunds_are_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.out_refund_no

    @property
    def holder(self) -> str:
        """The ledger account it went out of when a person gave it back; empty: the one that it came into."""
        if self.way == self.Way.CASH:
            return f"cash:{self.paid_out_by}"
        return "bank" if self.way else ""
