"""One try to pay one order at one gateway under one `out_trade_no`, from the intent to the money."""

import pgtrigger
from django.db import models
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from config.ground import clock, ids
from orders.models import Order

NEVER_BACK = """
    IF OLD.state = 'SUCCESS' AND (
        NEW.state <> 'SUCCESS' OR NEW.paid_minor <> OLD.paid_minor OR NEW.gateway_txn_no <> OLD.gateway_txn_no
    ) THEN
        RAISE EXCEPTION 'attempt %: money that came in stays a fact', OLD.out_trade_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'success_never_regresses';
    END IF;
    IF OLD.applied_at IS NOT NULL AND (NEW.applied_at IS NULL OR NEW.disposition <> OLD.disposition) THEN
        RAISE EXCEPTION 'attempt %: what was applied stays applied', OLD.out_trade_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'applied_once';
    END IF;
    IF NEW.order_id <> OLD.order_id OR NEW.amount_minor <> OLD.amount_minor OR NEW.out_trade_no <> OLD.out_trade_no THEN
        RAISE EXCEPTION 'attempt %: number, order and amount never change', OLD.out_trade_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'attempt_keeps_its_identity';
    END IF;
    RETURN NEW;
"""


def new_attempt_id() -> str:
    """A fresh `pay_…`."""
    return ids.new_id("pay")


class Disposition(models.TextChoices):
    """What became of money that came in."""

    APPLIED = "APPLIED", "Applied"
    LATE = "LATE", "Late"
    DUPLICATE = "DUPLICATE", "Duplicate"
    MISMATCH = "MISMATCH", "Amount mismatch"
    UNFULFILLABLE = "UNFULFILLABLE", "Cannot be fulfilled"


class AttemptQuerySet(QuerySet["Attempt"]):
    """Questions about attempts."""

    def open(self) -> "AttemptQuerySet":
        """Those by which the buyer may pay now, as far as we are concerned."""
        return self.filter(state__in=Attempt.OPEN)

    def unapplied(self) -> "AttemptQuerySet":
        """Money that came in and is not yet anybody's, oldest first; also what was set aside."""
        return self.filter(state=Attempt.State.SUCCESS, applied_at__isnull=True).order_by("paid_at", "id")

    def to_apply(self) -> "AttemptQuerySet":
        """What of it the clock applies by itself."""
        return self.unapplied().filter(set_aside_at__isnull=True)

    def set_aside(self) -> "AttemptQuerySet":
        """What of it waits for a person, newest first."""
        return self.filter(set_aside_at__isnull=False).order_by("-set_aside_at", "-id")

    def unsettled(self) -> "AttemptQuerySet":
        """Those of which nobody knows how they end."""
        return self.filter(state__in=Attempt.UNSETTLED)


class Attempt(models.Model):
    """`state` is what the gateway knows; `disposition` what we did with the money; both in whole minor units.

    CLOSED and EXPIRED may still become SUCCESS: late money is money. SUCCESS is final (trigger).
    """

    class State(models.TextChoices):
        CREATED = "CREATED", "Created"
        PENDING = "PENDING", "Waiting"
        UNKNOWN = "UNKNOWN", "Unknown, being asked"
        CLOSING = "CLOSING", "Closing"
        CLOSED = "CLOSED", "Closed"
        EXPIRED = "EXPIRED", "Expired"
        SUCCESS = "SUCCESS", "Success"

    OPEN = (State.CREATED, State.PENDING, State.UNKNOWN)
    UNSETTLED = (*OPEN, State.CLOSING)

    public_id = models.CharField(max_length=24, unique=True, default=new_attempt_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="attempts")
    seq = models.PositiveSmallIntegerField()  # the order's first, second, … try
    channel = models.CharField(max_length=8)
    merchant_account = models.CharField(max_length=40)
    out_trade_no = models.CharField(max_length=32)
    form = models.CharField(max_length=8)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3, default="CNY")
    state = models.CharField(max_length=8, choices=State.choices, default=State.CREATED)
    code_url = models.CharField(max_length=512, blank=True)
    redirect_url = models.TextField(blank=True)
    client_ip = models.GenericIPAddressField(null=True, blank=True)  # WeChat's h5 form wants it again at a retry
    payer = models.CharField(max_length=128, blank=True)  # jsapi: the buyer's openid in our mini-program
    prepay_id = models.CharField(max_length=64, blank=True)  # jsapi: what the mini-program's package names

    gateway_txn_no = models.CharField(max_length=64, null=True, blank=True)
    paid_minor = models.PositiveBigIntegerField(null=True, blank=True)
    paid_currency = models.CharField(max_length=3, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)  # the gateway's moment
    recorded_at = models.DateTimeField(null=True, blank=True)  # when we heard of it
    bill_date = models.DateField(null=True, blank=True)  # the day of the gateway's bill, Asia/Shanghai
    collector = models.CharField(max_length=40, blank=True)  # cash: who holds it, such as "rider:usr_…"

    applied_at = models.DateTimeField(null=True, blank=True)
    disposition = models.CharField(max_length=13, choices=Disposition.choices, blank=True)
    apply_tries = models.PositiveSmallIntegerField(default=0)  # by the clock, each of which failed
    set_aside_at = models.DateTimeField(null=True, blank=True)  # it failed too often: a person looks first
    set_aside_why = models.CharField(max_length=300, blank=True)
    refund_reserved_minor = models.PositiveBigIntegerField(default=0)
    refunded_minor = models.PositiveBigIntegerField(default=0)

    created_at = models.DateTimeField(default=clock.now)
    gateway_expires_at = models.DateTimeField()
    next_sync_at = models.DateTimeField(null=True, blank=True)  # moved ahead by whoever claims the work
    leased_until = models.DateTimeField(null=True, blank=True)  # expire_unpaid is closing it
    sync_count = models.PositiveIntegerField(default=0)
    last_asked_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "merchant_account", "out_trade_no"], name="one_attempt_per_trade_number"
            ),
            models.UniqueConstraint(fields=["channel", "gateway_txn_no"], name="one_attempt_per_gateway_number"),
            models.UniqueConstraint(fields=["order", "seq"], name="one_attempt_per_seq"),
            models.UniqueConstraint(
                fields=["order"], condition=Q(disposition=Disposition.APPLIED), name="one_applied_attempt_per_order"
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state__in=["CREATED", "PENDING", "UNKNOWN"]),
                name="one_open_attempt_per_order",
            ),
            models.CheckConstraint(
                name="refund_at_most_what_was_paid",
                condition=Q(refund_reserved_minor__lte=Coalesce(F("paid_minor"), 0)),
            ),
            models.CheckConstraint(
                name="return_only_what_was_reserved", condition=Q(refunded_minor__lte=F("refund_reserved_minor"))
            ),
            models.CheckConstraint(
                name="success_means_money_and_number",
                condition=Q(state="SUCCESS", paid_minor__gt=0, paid_at__isnull=False, gateway_txn_no__isnull=False)
                | (~Q(state="SUCCESS") & Q(paid_minor__isnull=True, gateway_txn_no__isnull=True)),
            ),
            models.CheckConstraint(
                name="applied_says_how",
                condition=Q(applied_at__isnull=True, disposition="")
                | Q(applied_at__isnull=False, disposition__in=Disposition.values, state="SUCCESS"),
            ),
            models.CheckConstraint(
                name="set_aside_says_why_until_applied",
                condition=Q(set_aside_at__isnull=True)
                | (Q(state="SUCCESS", applied_at__isnull=True) & ~Q(set_aside_why="")),
            ),
            models.CheckConstraint(
                name="trade_number_fits_every_gateway", condition=Q(out_trade_no__regex=r"^[0-9A-Za-z_-]{6,32}$")
            ),
            models.CheckConstraint(name="an_attempt_asks_for_something", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="attempt_state_known",
                condition=Q(state__in=["CREATED", "PENDING", "UNKNOWN", "CLOSING", "CLOSED", "EXPIRED", "SUCCESS"]),
            ),
        ]
        indexes = [
            models.Index(
                fields=["paid_at", "id"],
                name="money_not_yet_applied",
                condition=Q(state="SUCCESS", applied_at__isnull=True, set_aside_at__isnull=True),
            ),
            models.Index(
                fields=["-set_aside_at", "-id"], name="money_set_aside", condition=Q(set_aside_at__isnull=False)
            ),
            models.Index(
                fields=["id"],
                name="attempts_unsettled",
                condition=Q(state__in=["CREATED", "PENDING", "UNKNOWN", "CLOSING"]),
            ),
            models.Index(fields=["channel", "bill_date"], name="attempts_by_bill", condition=Q(state="SUCCESS")),
            models.Index(
                fields=["next_sync_at", "id"], name="attempts_due_to_sync", condition=Q(next_sync_at__isnull=False)
            ),
            models.Index(
                fields=["disposition", "id"],
                name="money_kept_for_nobody",
                condition=Q(applied_at__isnull=False) & ~Q(disposition=Disposition.APPLIED),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="attempts_go_forward", when=pgtrigger.Before, operation=pgtrigger.Update, func=NEVER_BACK
            ),
            pgtrigger.Protect(name="attempts_are_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.out_trade_no

    @property
    def left_minor(self) -> int:
        """What of it can still be given back."""
        return (self.paid_minor or 0) - self.refund_reserved_minor

    @property
    def is_open(self) -> bool:
        """Whether the buyer may pay by it now."""
        return self.state in self.OPEN

    @property
    def has_a_way(self) -> bool:
        """Whether the buyer can be shown a code, be sent to the gateway, or pay inside a mini-program."""
        return bool(self.code_url or self.redirect_url or self.prepay_id)
