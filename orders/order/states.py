"""The states of an order, and the words of the contract for them."""

from django.db import models


class Status(models.TextChoices):
    """How far the goods are."""

    PENDING = "PENDING", "Pending"
    CONFIRMED = "CONFIRMED", "Confirmed"
    PREPARING = "PREPARING", "Preparing"
    READY = "READY", "Ready"
    ON_DELIVERY = "ON_DELIVERY", "On delivery"
    COMPLETED = "COMPLETED", "Completed"
    CANCELLED = "CANCELLED", "Cancelled"


class PaymentStatus(models.TextChoices):
    """How far the money is; late, double or mismatched money never touches it."""

    UNPAID = "UNPAID", "Unpaid"
    PROCESSING = "PROCESSING", "Processing"
    DUE_ON_DELIVERY = "DUE_ON_DELIVERY", "Cash due"
    PAID = "PAID", "Paid"
    PARTLY_REFUNDED = "PARTLY_REFUNDED", "Partly refunded"
    REFUNDED = "REFUNDED", "Refunded"


class Method(models.TextChoices):
    """How the customer wants to pay."""

    WECHAT = "WECHAT", "WeChat Pay"
    ALIPAY = "ALIPAY", "Alipay"
    CASH = "CASH", "Cash"


class CancelReason(models.TextChoices):
    """Why an order was cancelled."""

    PAYMENT_TIMEOUT = "PAYMENT_TIMEOUT", "Payment timeout"
    CUSTOMER = "CUSTOMER", "Customer"
    MERCHANT_REJECTED = "MERCHANT_REJECTED", "Merchant rejected"
    SOLD_OUT = "SOLD_OUT", "Sold out"
    UNFULFILLABLE = "UNFULFILLABLE", "Unfulfillable"
    DELIVERY_FAILED = "DELIVERY_FAILED", "Delivery failed"
    STAFF = "STAFF", "Staff"


class RejectKind(models.TextChoices):
    """Why a shop did not take an order."""

    SOLD_OUT = "SOLD_OUT", "Sold out"
    BUSY = "BUSY", "Too many orders"
    CLOSING = "CLOSING", "Closing"
    TOO_FAR = "TOO_FAR", "Cannot deliver there"
    OTHER = "OTHER", "Other"
    NO_ANSWER = "NO_ANSWER", "No answer"


class CompletedHow(models.TextChoices):
    """How an order ended well."""

    DELIVERED = "DELIVERED", "Delivered"
    COLLECTED = "COLLECTED", "Collected in person"
    ISSUED = "ISSUED", "Keys issued"


SETTLED = frozenset({PaymentStatus.PAID, PaymentStatus.PARTLY_REFUNDED, PaymentStatus.DUE_ON_DELIVERY})
ANSWERABLE = (  # money settled, even if some or all of it went back while the shop said nothing
    PaymentStatus.PAID,
    PaymentStatus.DUE_ON_DELIVERY,
    PaymentStatus.PARTLY_REFUNDED,
    PaymentStatus.REFUNDED,
)
WAITING_FOR_MONEY = frozenset({PaymentStatus.UNPAID, PaymentStatus.PROCESSING})
RUNNING = (Status.PENDING, Status.CONFIRMED, Status.PREPARING, Status.READY, Status.ON_DELIVERY)
