"""Who carries, and each carrying of an order: what tracking remembers."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from config.ground import clock, ids
from orders.catalog.models import in_language
from orders.models import Order


def new_rider_id() -> str:
    """A fresh `rid_…`."""
    return ids.new_id("rid")


def new_delivery_id() -> str:
    """A fresh `dlv_…`."""
    return ids.new_id("dlv")


class Vehicle(models.TextChoices):
    """What a rider rides."""

    EBIKE = "EBIKE", "E-bike"
    BIKE = "BIKE", "Bicycle"
    SCOOTER = "SCOOTER", "Scooter"
    FOOT = "FOOT", "On foot"


class Rider(models.Model):
    """A person who carries. Whether a user may open the rider's pages is whether this row exists."""

    public_id = models.CharField(max_length=24, unique=True, default=new_rider_id, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rider")
    vehicle = models.CharField(max_length=8, choices=Vehicle.choices, default=Vehicle.EBIKE)
    look_en = models.CharField(max_length=60, blank=True)  # by what the customer knows them: "blue jacket"
    look_zh = models.CharField(max_length=60, blank=True)
    is_on_duty = models.BooleanField(default=False)
    duty_changed_at = models.DateTimeField(default=clock.now)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="rider_vehicle_known", condition=Q(vehicle__in=Vehicle.values)),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def look(self) -> str:
        """By what the customer knows them, in the active language; may be empty."""
        return in_language(self.look_en, self.look_zh)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Reads of deliveries."""

    def running(self) -> "DeliveryQuerySet":
        """Claimed or on the way."""
        return self.filter(state__in=Delivery.RUNNING)

    def standing(self) -> "DeliveryQuerySet":
        """Neither given back nor cancelled: at most one for each order."""
        return self.exclude(state__in=Delivery.OVER_WITHOUT)

    def with_order(self) -> "DeliveryQuerySet":
        """With all that the rider's pages show, in one query."""
        return self.select_related("order__shop", "order__customer", "rider__user")


class Delivery(models.Model):
    """One rider's carrying of one order, from the claim to the door (or to where it ended before)."""

    class State(models.TextChoices):
        CLAIMED = "CLAIMED", "Claimed"
        COLLECTED = "COLLECTED", "Collected"
        DELIVERED = "DELIVERED", "Delivered"
        RELEASED = "RELEASED", "Given back"
        CANCELLED = "CANCELLED", "Cancelled with its order"

    RUNNING = (State.CLAIMED, State.COLLECTED)
    OVER_WITHOUT = (State.RELEASED, State.CANCELLED)

    public_id = models.CharField(max_length=24, unique=True, default=new_delivery_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="deliveries")
    rider = models.ForeignKey(Rider, on_delete=models.PROTECT, related_name="deliveries")
    state = models.CharField(max_length=9, choices=State.choices, default=State.CLAIMED)
    way_m = models.PositiveIntegerField(default=0)  # metres of road from shop to door, as the job said
    pay_minor = models.PositiveIntegerField(default=0)  # what the rider gets, as the job said
    claimed_at = models.DateTimeField(default=clock.now)
    collected_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)  # given back or cancelled
    code_tries = models.PositiveSmallIntegerField(default=0)  # wrong door codes in a row
    code_tried_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state__in=["CLAIMED", "COLLECTED", "DELIVERED"]),
                name="one_delivery_stands_per_order",
            ),
            models.CheckConstraint(
                name="delivery_state_known",
                condition=Q(state__in=["CLAIMED", "COLLECTED", "DELIVERED", "RELEASED", "CANCELLED"]),
            ),
            models.CheckConstraint(
                name="delivery_says_when",
                condition=Q(state="CLAIMED", collected_at=None, delivered_at=None, closed_at=None)
                | Q(state="COLLECTED", collected_at__isnull=False, delivered_at=None, closed_at=None)
                | Q(state="DELIVERED", collected_at__isnull=False, delivered_at__isnull=False, closed_at=None)
                | Q(state="RELEASED", collected_at=None, delivered_at=None, closed_at__isnull=False)
                | Q(state="CANCELLED", delivered_at=None, closed_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["rider", "claimed_at"],
                condition=Q(state__in=["CLAIMED", "COLLECTED"]),
                name="deliveries_running",
            ),
            models.Index(fields=["rider", "-id"], name="deliveries_of_a_rider"),
        ]

    def __str__(self) -> str:
        return self.public_id
