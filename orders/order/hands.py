"""What support did with its own hands, and what it was not allowed to do: rows that only grow, shown in admin."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.ground import clock, ids
from orders.order.models import Order


def new_action_id() -> str:
    """A fresh `act_…`."""
    return ids.new_id("act")


class StaffAction(models.Model):
    """One thing that a person of support did (or tried) and why; never changed, never deleted (triggers).

    `reason` stays here and out of the log, which is sealed for ever: people write names and numbers into sentences.
    """

    class Cause(models.TextChoices):
        CUSTOMER = "CUSTOMER", _("The customer told us")
        SHOP = "SHOP", _("The shop told us")
        RIDER = "RIDER", _("The rider told us")
        GATEWAY = "GATEWAY", _("The gateway told us")
        SEEN = "SEEN", _("Seen on this page")

    class Outcome(models.TextChoices):
        DONE = "DONE", _("Done")
        DENIED = "DENIED", _("Not allowed")

    public_id = models.CharField(max_length=24, unique=True, default=new_action_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="staff_actions")
    role = models.CharField(max_length=40)  # the group in whose name it was done
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, blank=True, related_name="hands")
    does = models.CharField(max_length=80)  # the verb, or the page that was denied
    cause = models.CharField(max_length=8, choices=Cause.choices, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    seen_version = models.PositiveIntegerField(null=True, blank=True)  # what the person had on the screen
    version = models.PositiveIntegerField(null=True, blank=True)  # the order's, afterwards
    outcome = models.CharField(max_length=6, choices=Outcome.choices, default=Outcome.DONE)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = _("hand on an order")
        verbose_name_plural = _("hands on orders")
        ordering = ["-id"]
        permissions = [
            ("repair_order", "Can repair orders by the services"),
            ("return_money", "Can return money by hand"),
            ("reveal_key", "Can look at an issued key"),
        ]
        constraints = [
            models.CheckConstraint(name="what_was_done_says_why", condition=~Q(outcome="DONE") | ~Q(reason="")),
        ]
        indexes = [models.Index(fields=["order", "-id"], name="hands_on_an_order")]
        triggers = [
            pgtrigger.Protect(name="hands_only_grow", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.does}"
