"""A gateway's account of one day and its lines, loaded as they came; payments/billing/ writes and compares them."""

from django.db import models
from django.db.models import Q

from config.ground import clock


class Bill(models.Model):
    """The bill of one channel and one day in Beijing, from "not there yet" to "compared". Amounts in minor units."""

    class State(models.TextChoices):
        WAITING = "WAITING", "Not there yet"
        FETCHED = "FETCHED", "Fetched"
        COMPARED = "COMPARED", "Compared"
        FAILED = "FAILED", "Failed"

    channel = models.CharField(max_length=8)
    merchant_account = models.CharField(max_length=40)
    day = models.DateField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    why = models.CharField(max_length=300, blank=True)  # of WAITING and FAILED
    line_count = models.PositiveIntegerField(default=0)
    equal_count = models.PositiveIntegerField(default=0)  # lines that agree with our books at the last comparison
    paid_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    fee_minor = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)  # of the unpacked file
    tries = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField(default=clock.now)
    fetched_at = models.DateTimeField(null=True, blank=True)
    compared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "merchant_account", "day"], name="one_bill_a_day"),
            models.CheckConstraint(
                name="a_bill_that_is_missing_says_why", condition=~Q(state__in=["WAITING", "FAILED"]) | ~Q(why="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.day}"


class BillLine(models.Model):
    """One movement of money as the gateway saw it."""

    class Kind(models.TextChoices):
        PAYMENT = "payment", "Payment"
        REFUND = "refund", "Refund"

    bill = models.ForeignKey(Bill, on_delete=models.CASCADE, related_name="lines", db_index=False)
    line_no = models.PositiveIntegerField()  # in the file, from 1
    kind = models.CharField(max_length=7, choices=Kind.choices)
    state = models.CharField(max_length=12)  # SUCCESS; of a refund also PROCESSING and others
    out_trade_no = models.CharField(max_length=64)
    out_refund_no = models.CharField(max_length=64, blank=True)
    gateway_txn_no = models.CharField(max_length=64)
    gateway_refund_no = models.CharField(max_length=64, blank=True)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bill", "line_no"], name="one_line_per_place")]
        indexes = [
            models.Index(fields=["out_trade_no"], name="bill_lines_of_a_trade"),
            models.Index(fields=["out_refund_no"], name="bill_lines_of_a_refund", condition=~Q(out_refund_no="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.out_refund_no or self.out_trade_no}"
