"""Cash on its way from whoever took it to the bank: counted by the holder, counted again by whoever receives it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from config.ground import clock, ids
from orders.catalog.models import Shop
from payments.models.ledger import LedgerAccount

KEEPS_WHAT_WAS_SAID = """
    IF OLD.state <> 'COUNTED' THEN
        RAISE EXCEPTION 'hand-in %: what was % stays so', OLD.public_id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hand_in_is_final';
    END IF;
    IF NEW.public_id <> OLD.public_id OR NEW.holder_id <> OLD.holder_id OR NEW.expected_minor <> OLD.expected_minor
       OR NEW.counted_minor <> OLD.counted_minor OR NEW.counted_by_id <> OLD.counted_by_id
       OR NEW.counted_at <> OLD.counted_at OR NEW.up_to <> OLD.up_to
       OR NEW.to_shop_id IS DISTINCT FROM OLD.to_shop_id THEN
        RAISE EXCEPTION 'hand-in %: what the holder counted never changes', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hand_in_keeps_its_identity';
    END IF;
    RETURN NEW;
"""


def new_hand_in_id() -> str:
    """A fresh `hnd_…`."""
    return ids.new_id("hnd")


class HandIn(models.Model):
    """The end of one shift with cash: everything that the account held then, and what was found when it was counted.

    The books move when it is CONFIRMED; until then the holder has it. What it moves is `expected_minor`; what is
    missing or too much goes to `expense:cash_difference`, so that nothing is carried silently into the next shift.
    """

    class State(models.TextChoices):
        COUNTED = "COUNTED", "Waits to be counted again"
        CONFIRMED = "CONFIRMED", "Received"
        WITHDRAWN = "WITHDRAWN", "Withdrawn"

    public_id = models.CharField(max_length=24, unique=True, default=new_hand_in_id, editable=False)
    holder = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="hand_ins")
    rider = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, null=True, related_name="+")  # a shop's own till
    to_shop = models.ForeignKey(Shop, on_delete=models.PROTECT, null=True, related_name="+")  # None: the depot
    currency = models.CharField(max_length=3, default="CNY")
    state = models.CharField(max_length=9, choices=State.choices, default=State.COUNTED)

    expected_minor = models.BigIntegerField()  # what the books said that the holder has
    up_to = models.BigIntegerField()  # the last posting that is part of it
    opened_at = models.DateTimeField()  # the first cash of the shift
    counted_minor = models.BigIntegerField()
    counted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    counted_at = models.DateTimeField(default=clock.now)

    received_minor = models.BigIntegerField(null=True)
    received_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    received_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=200, blank=True)  # what the receiver says about a difference

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["holder"], condition=Q(state="COUNTED"), name="one_open_hand_in_a_holder"),
            models.CheckConstraint(
                name="cash_of_a_rider_or_of_a_shop",
                condition=Q(rider__isnull=False, shop__isnull=True)
                | Q(rider__isnull=True, shop__isnull=False, to_shop__isnull=True),
            ),
            models.CheckConstraint(
                name="a_hand_in_hands_something_in",
                condition=Q(expected_minor__gt=0, counted_minor__gte=0)
                & (Q(received_minor__isnull=True) | Q(received_minor__gte=0)),
            ),
            models.CheckConstraint(
                name="received_says_by_whom_and_when",
                condition=Q(
                    state="CONFIRMED",
                    received_minor__isnull=False,
                    received_by__isnull=False,
                    received_at__isnull=False,
                )
                | Q(
                    state__in=["COUNTED", "WITHDRAWN"],
                    received_minor__isnull=True,
                    received_by__isnull=True,
                    received_at__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="nobody_receives_their_own_cash",
                condition=Q(received_by__isnull=True)
                | (~Q(received_by=F("counted_by")) & (Q(rider__isnull=True) | ~Q(received_by=F("rider")))),
            ),
            models.CheckConstraint(
                name="a_difference_says_why",
                condition=Q(received_minor__isnull=True) | Q(received_minor=F("expected_minor")) | ~Q(words=""),
            ),
        ]
        indexes = [
            models.Index(fields=["holder", "-id"], name="hand_ins_of_a_holder"),
            models.Index(fields=["to_shop", "id"], name="hand_ins_to_receive", condition=Q(state="COUNTED")),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="hand_ins_go_forward", when=pgtrigger.Before, operation=pgtrigger.Update, func=KEEPS_WHAT_WAS_SAID
            ),
            pgtrigger.Protect(name="hand_ins_are_kept", operation=pgtrigger.Delete),
        ]
        permissions = [("receive_cash", "Can receive cash at the depot")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def difference_minor(self) -> int:
        """What was found beyond the books; negative when cash is missing. 0 until it is received."""
        return 0 if self.received_minor is None else self.received_minor - self.expected_minor
