"""What happens by the clock and in the background: unanswered orders are rejected, files of card keys imported."""

from celery import shared_task

from config.ground import clock
from notifications.webhooks import care
from orders.letters import again
from orders.order.models import Order
from orders.order.states import ANSWERABLE, Status
from orders.services import keyfile, reject_unanswered

BATCH = 200


@shared_task
def reject_unanswered_orders() -> int:
    """Reject every order that was paid (or is for cash) and not answered in time; returns how many. Safe to repeat."""
    due = Order.objects.filter(
        status=Status.PENDING,
        payment_status__in=ANSWERABLE,
        answer_by__lte=clock.now(),
    ).order_by("answer_by", "id")
    rejected = [reject_unanswered(order_id) for order_id in due.values_list("public_id", flat=True)[:BATCH]]
    return sum(order is not None for order in rejected)


@shared_task
def import_keys_file(import_id: str) -> None:
    """Work on one file of card keys for a while, then queue again: no run outlives the time limit of a task."""
    if keyfile.work_on(import_id):
        import_keys_file.delay(import_id)


@shared_task
def resume_key_imports() -> int:
    """Go on with imports whose worker died, and delete files that none owns; returns how many go on."""
    waiting = keyfile.unfinished()
    for import_id in waiting:
        import_keys_file.delay(import_id)
    keyfile.sweep()
    return len(waiting)


@shared_task
def tell_of_failing_endpoints() -> int:
    """Tell the log of endpoints that have failed for an hour; their owners get a letter. Returns how many."""
    due = care.to_tell()
    for endpoint in due:
        care.told(endpoint)
    return len(due)


@shared_task
def invite_again() -> int:
    """Write "the same again?" to those who said yes to it, some time after a completed order; returns how many."""
    return again.invite_due()
