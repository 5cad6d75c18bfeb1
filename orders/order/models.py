"""One order, its lines, and the guards that no code can pass: constraints and a deferred trigger."""

from datetime import timedelta
from typing import Any

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django_fsm import ConcurrentTransitionMixin, FSMField

from config.ground import clock, ids, vault
from orders.catalog.models import Product, Shop, Trade, in_language
from orders.order import lifecycle
from orders.order.states import ANSWERABLE, CancelReason, Method, PaymentStatus, Status


def new_order_id() -> str:
    """A fresh `ord_…`."""
    return ids.new_id("ord")


LINK_LASTS = timedelta(days=90)  # how long a guest's link opens an order that has ended


class Fulfilment(models.TextChoices):
    """How the goods reach the customer."""

    DELIVERY = "DELIVERY", "Delivery"
    COLLECTION = "COLLECTION", "Collection in person"
    ISSUE = "ISSUE", "Issued on the page"


# A change of either status needs version + 1 and the event of that version which says so. Deferred to the
# commit, because the event row is written by the same statement or a moment later.
TELL_THE_LOG = """
    IF TG_OP = 'UPDATE' THEN
        IF NEW.status = OLD.status AND NEW.payment_status = OLD.payment_status THEN
            RETURN NULL;
        END IF;
        IF NEW.version <> OLD.version + 1 THEN
            RAISE EXCEPTION 'order % changed state without version + 1', NEW.public_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'order_state_tells_the_log';
        END IF;
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM notifications_event AS e
        WHERE e.stream = 'order/' || NEW.public_id AND e.version = NEW.version
          AND (TG_OP = 'INSERT' OR NEW.status = OLD.status OR e.data ->> 'status' = NEW.status)
          AND (TG_OP = 'INSERT' OR NEW.payment_status = OLD.payment_status
               OR e.data ->> 'paymentStatus' = NEW.payment_status)
    ) THEN
        RAISE EXCEPTION 'order % version % has no event that says so', NEW.public_id, NEW.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_state_tells_the_log';
    END IF;
    RETURN NULL;
"""


class Order(ConcurrentTransitionMixin, lifecycle.Lifecycle, models.Model):
    """What one person wants from one shop, and how far along it is.

    `status` and `payment_status` move only by transitions (orders/order/lifecycle.py) on the one road
    (orders/order/road.py); `version` counts the events of the stream `order/<public_id>`.
    """

    public_id = models.CharField(max_length=24, default=new_order_id, editable=False)
    number = models.PositiveIntegerField()  # the short number called out in the shop
    # no index of its own, as customer: each step writes into every index of this table, and others begin with these
    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, related_name="orders", db_index=False)
    trade = models.CharField(max_length=8, choices=Trade.choices)
    customer = models.ForeignKey(
        "orders.User", on_delete=models.PROTECT, null=True, blank=True, related_name="orders", db_index=False
    )
    guest_hash = models.CharField(max_length=64, blank=True)  # of the secret in a guest's link
    carrier = models.ForeignKey("orders.User", on_delete=models.PROTECT, null=True, blank=True, related_name="carries")

    status = FSMField(choices=Status.choices, default=Status.PENDING, protected=True)
    payment_status = FSMField(choices=PaymentStatus.choices, default=PaymentStatus.UNPAID, protected=True)
    version = models.PositiveIntegerField(default=1)

    fulfilment = models.CharField(max_length=10, choices=Fulfilment.choices)
    method = models.CharField(max_length=8, choices=Method.choices)
    currency = models.CharField(max_length=3, default="CNY")
    items_minor = models.PositiveBigIntegerField()
    delivery_minor = models.PositiveBigIntegerField(default=0)
    struck_minor = models.PositiveBigIntegerField(default=0)  # lines that were struck out
    paid_minor = models.PositiveBigIntegerField(default=0)
    returned_minor = models.PositiveBigIntegerField(default=0)

    recipient_sealed = models.BinaryField(default=b"", blank=True)
    phone_index = models.BinaryField(max_length=32, null=True, blank=True)
    note_sealed = models.BinaryField(default=b"", blank=True)
    language = models.CharField(max_length=10, default="en")
    notification_url = models.URLField(max_length=500, blank=True)
    shop_code = models.CharField(max_length=4)  # the shop says it to the rider
    door_code = models.CharField(max_length=4)  # the customer says it to the rider

    placed_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)  # the payment deadline
    paid_at = models.DateTimeField(null=True, blank=True)
    answer_by = models.DateTimeField(null=True, blank=True)  # the shop's time to answer
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ready_by = models.DateTimeField(null=True, blank=True)  # what the shop said
    ready_at = models.DateTimeField(null=True, blank=True)
    picked_up_at = models.DateTimeField(null=True, blank=True)
    promised_from = models.DateTimeField(null=True, blank=True)
    promised_to = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    estimated_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    cancel_reason = models.CharField(max_length=20, choices=CancelReason.choices, blank=True)
    cancel_detail = models.CharField(max_length=20, blank=True)  # the kind of rejection, or the stage
    cancel_words = models.CharField(max_length=200, blank=True)
    completed_how = models.CharField(max_length=10, blank=True)

    class Meta:
        constraints = [
            # `unique=True` would make a second index, for patterns
            models.UniqueConstraint(fields=["public_id"], name="one_order_a_public_id"),
            models.CheckConstraint(
                name="nothing_unpaid_leaves_pending",
                condition=Q(status__in=[Status.PENDING, Status.CANCELLED])
                | ~Q(payment_status__in=[PaymentStatus.UNPAID, PaymentStatus.PROCESSING]),
            ),
            models.CheckConstraint(
                name="card_keys_are_not_sold_for_cash",
                condition=~Q(trade=Trade.DIGITAL) | ~Q(method=Method.CASH),
            ),
            models.CheckConstraint(
                name="never_return_more_than_was_paid", condition=Q(returned_minor__lte=F("paid_minor"))
            ),
            models.CheckConstraint(
                name="never_strike_more_than_was_ordered",
                condition=Q(struck_minor__lte=F("items_minor") + F("delivery_minor")),
            ),
            models.CheckConstraint(
                name="cancelled_says_why", condition=~Q(status=Status.CANCELLED) | ~Q(cancel_reason="")
            ),
            models.CheckConstraint(name="order_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(
                name="order_payment_status_known", condition=Q(payment_status__in=PaymentStatus.values)
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-id"], name="orders_of_a_customer"),
            models.Index(fields=["shop", "-id"], name="orders_of_a_shop"),
            models.Index(
                fields=["shop", "id"],
                name="orders_running_in_a_shop",
                condition=~Q(status__in=[Status.COMPLETED, Status.CANCELLED]),
            ),
            models.Index(
                fields=["expires_at", "id"],
                name="orders_waiting_for_money",
                condition=Q(status=Status.PENDING, payment_status__in=[PaymentStatus.UNPAID, PaymentStatus.PROCESSING]),
            ),
            models.Index(
                fields=["answer_by", "id"],
                name="orders_waiting_for_answer",
                condition=Q(status=Status.PENDING, payment_status__in=ANSWERABLE),
            ),
            models.Index(
                fields=["ready_by", "id"],
                name="orders_for_riders",
                condition=Q(
                    status__in=[Status.CONFIRMED, Status.PREPARING, Status.READY],
                    fulfilment="DELIVERY",
                    carrier__isnull=True,
                ),
            ),
            models.Index(fields=["phone_index"], name="orders_by_phone"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="state_tells_the_log",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=TELL_THE_LOG,
            ),
            pgtrigger.Protect(name="orders_are_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def stream(self) -> str:
        """The stream of its events, also its live topic."""
        return f"order/{self.public_id}"

    @property
    def total_minor(self) -> int:
        """What is owed: lines and delivery, less what was struck out."""
        return self.items_minor + self.delivery_minor - self.struck_minor

    @property
    def is_ended(self) -> bool:
        """Whether it is over; nothing revives it."""
        return self.status in {Status.COMPLETED, Status.CANCELLED}

    @property
    def has_open_link(self) -> bool:
        """Whether a guest's private link opens it: there is one, not withdrawn, and it did not end long ago."""
        return bool(self.guest_hash) and (self.ended_at is None or self.ended_at > clock.now() - LINK_LASTS)

    @property
    def recipient(self) -> dict[str, Any]:
        """`{name, phone, line, city?, location?}`; empty for card keys."""
        if not self.recipient_sealed:
            return {}
        return dict(vault.unseal_json(self.recipient_sealed, f"order|recipient|{self.public_id}"))

    @property
    def note(self) -> str:
        """What the customer wrote to the shop."""
        if not self.note_sealed:
            return ""
        return vault.unseal(self.note_sealed, f"order|note|{self.public_id}").decode()


class OrderLine(models.Model):
    """One product of an order, as it was when it was ordered."""

    class State(models.TextChoices):
        OPEN = "OPEN", "Open"
        PICKED = "PICKED", "Picked"
        STRUCK = "STRUCK", "Struck out"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    line_no = models.PositiveSmallIntegerField()
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    name_en = models.CharField(max_length=120)
    name_zh = models.CharField(max_length=120)
    options = models.JSONField(default=list)  # [{"id", "en", "zh", "price_minor"}]
    note_sealed = models.BinaryField(default=b"", blank=True)
    unit_minor = models.PositiveBigIntegerField()  # with its options
    quantity = models.PositiveIntegerField()
    struck_quantity = models.PositiveIntegerField(default=0)
    is_counted = models.BooleanField(default=False)  # it holds counted stock until it leaves the shop
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    settled_at = models.DateTimeField(null=True, blank=True)  # picked or struck out

    class Meta:
        ordering = ["line_no"]
        constraints = [
            models.UniqueConstraint(fields=["order", "line_no"], name="one_line_per_number"),
            models.CheckConstraint(name="a_line_has_a_quantity", condition=Q(quantity__gte=1)),
            models.CheckConstraint(
                name="strike_at_most_what_is_there", condition=Q(struck_quantity__lte=F("quantity"))
            ),
        ]

    @property
    def name(self) -> str:
        """The product's name when it was ordered, in the active language."""
        return in_language(self.name_en, self.name_zh)

    @property
    def option_names(self) -> list[str]:
        """The chosen options in the active language."""
        return [in_language(option["en"], option["zh"]) for option in self.options]

    @property
    def left(self) -> int:
        """How many of it are still wanted."""
        return self.quantity - self.struck_quantity

    @property
    def total_minor(self) -> int:
        """Price of the whole line as ordered."""
        return self.unit_minor * self.quantity

    @property
    def struck_minor(self) -> int:
        """What of it was struck out."""
        return self.unit_minor * self.struck_quantity

    @property
    def note(self) -> str:
        """What the customer wrote beside this line."""
        if not self.note_sealed:
            return ""
        return vault.unseal(self.note_sealed, f"line|note|{self.order.public_id}|{self.line_no}").decode()
