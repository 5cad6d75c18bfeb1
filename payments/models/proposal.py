"""A refund above the limit of one person: proposed by one of support, approved or declined by another."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from config.ground import clock, ids
from orders.models import Order
from payments.models.refund import Refund

DECIDED_ONCE = """
    IF OLD.state <> 'OPEN' THEN
        RAISE EXCEPTION 'proposal %: what was decided stays decided', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_proposal_is_decided_once';
    END IF;
    IF NEW.amount_minor <> OLD.amount_minor OR NEW.order_id <> OLD.order_id OR NEW.words <> OLD.words
       OR NEW.reason <> OLD.reason OR NEW.proposed_by_id <> OLD.proposed_by_id THEN
        RAISE EXCEPTION 'proposal %: what was proposed never changes', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_proposal_keeps_what_it_says';
    END IF;
    RETURN NEW;
"""


def new_proposal_id() -> str:
    """A fresh `rfp_…`."""
    return ids.new_id("rfp")


class RefundProposal(models.Model):
    """It reserves nothing: what is left of the payment is looked at again when it is approved."""

    class State(models.TextChoices):
        OPEN = "OPEN", "Waits for a second person"
        APPROVED = "APPROVED", "Approved"
        DECLINED = "DECLINED", "Declined"
        EXPIRED = "EXPIRED", "Expired"

    public_id = models.CharField(max_length=24, unique=True, default=new_proposal_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refund_proposals")
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3, default="CNY")
    words = models.CharField(max_length=200)  # for the customer
    reason = models.CharField(max_length=500)  # for the colleague who decides
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    remark = models.CharField(max_length=500, blank=True)  # of whoever decided
    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, related_name="proposal", null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="a_second_person_decides", condition=~Q(decided_by=F("proposed_by"))),
            models.CheckConstraint(name="a_proposal_returns_something", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="a_proposal_says_how_it_ended",
                condition=Q(state="OPEN", decided_by__isnull=True, decided_at__isnull=True, refund__isnull=True)
                | Q(state="EXPIRED", decided_by__isnull=True, decided_at__isnull=False, refund__isnull=True)
                | Q(state="APPROVED", decided_by__isnull=False, decided_at__isnull=False, refund__isnull=False)
                | (
                    Q(state="DECLINED", decided_by__isnull=False, decided_at__isnull=False, refund__isnull=True)
                    & ~Q(remark="")
                ),
            ),
            models.UniqueConstraint(fields=["order"], condition=Q(state="OPEN"), name="one_open_proposal_per_order"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="proposals_that_wait", condition=Q(state="OPEN"))]
        triggers = [
            pgtrigger.Trigger(
                name="proposals_are_decided_once", when=pgtrigger.Before, operation=pgtrigger.Update, func=DECIDED_ONCE
            ),
            pgtrigger.Protect(name="proposals_are_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.public_id
