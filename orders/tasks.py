"""What happens by the clock: orders that a shop left unanswered are rejected."""

from celery import shared_task

from config.ground import clock
from orders.order.models import Order
from orders.order.states import PaymentStatus, Status
from orders.services import reject_unanswered

BATCH = 200


@shared_task
def reject_unanswered_orders() -> int:
    """Reject every paid or cash order whose time to answer ran out; returns how many. Safe to repeat."""
    due = Order.objects.filter(
        status=Status.PENDING,
        payment_status__in=[PaymentStatus.PAID, PaymentStatus.DUE_ON_DELIVERY],
        answer_by__lte=clock.now(),
    ).order_by("answer_by", "id")
    rejected = [reject_unanswered(order_id) for order_id in due.values_list("public_id", flat=True)[:BATCH]]
    return sum(order is not None for order in rejected)
