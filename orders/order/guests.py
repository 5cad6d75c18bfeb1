"""A guest's private link in another browser: how often the digits were wrong, until when it is shut."""

from django.db import models

from orders.order.models import Order


class GuestDoor(models.Model):
    """The tries at one order's link. In the database, because a guard that Redis could forget is none."""

    order = models.OneToOneField(Order, on_delete=models.CASCADE, primary_key=True, related_name="guest_door")
    wrong_tries = models.PositiveIntegerField(default=0)  # since the last right answer
    shut_until = models.DateTimeField(null=True, blank=True)
