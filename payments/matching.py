"""What becomes of money, and when do we ask again? Pure answers on values: settle.py, services.py and tasks.py ask."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

CANCELLED: Final = "CANCELLED"
COMPLETED: Final = "COMPLETED"
ALREADY_PAID: Final = frozenset({"PAID", "PARTLY_REFUNDED", "REFUNDED"})
WAITING: Final = frozenset({"UNPAID", "PROCESSING"})

# When an attempt is asked about, counted from its creation; then at the gateway's deadline and after it.
SINCE_CREATED: Final = tuple(timedelta(seconds=s) for s in (5, 10, 20, 30, 60, 180, 300, 600))
SINCE_DEADLINE: Final = tuple(timedelta(seconds=s) for s in (0, 60, 600, 3_600, 86_400))
REFUND_PAUSES: Final = (5, 10, 30, 60, 300, 900, 3_600)  # seconds between tries; the last one repeats
PATIENCE: Final = 5  # definite refusals of a refund in a row before a person looks: error bodies are only hints


class Owed(NamedTuple):
    """An order's side: its two states, what it still costs."""

    status: str
    payment_status: str
    amount_minor: int
    currency: str


class Paid(NamedTuple):
    """The gateway's side."""

    amount_minor: int
    currency: str


def disposition(owed: Owed, paid: Paid) -> str:
    """Say what becomes of money that came in: APPLIED, LATE, DUPLICATE or MISMATCH. Nothing revives an order."""
    if owed.status == CANCELLED:
        return "LATE"
    if owed.payment_status in ALREADY_PAID:
        return "DUPLICATE"
    if (owed.amount_minor, owed.currency) != (paid.amount_minor, paid.currency):
        return "MISMATCH"
    if owed.status == "PENDING" and owed.payment_status in WAITING:
        return "APPLIED"
    if owed.payment_status == "DUE_ON_DELIVERY" and owed.status != COMPLETED:
        return "APPLIED"
    return "LATE"


def next_sync(created_at: datetime, deadline: datetime, now: datetime) -> datetime | None:
    """Say when to ask the gateway next; None after the last time, a day past its deadline."""
    before = [created_at + span for span in SINCE_CREATED]
    moments = [moment for moment in before if moment < deadline] + [deadline + span for span in SINCE_DEADLINE]
    return next((moment for moment in moments if moment > now), None)


def refund_pause(tries: int) -> timedelta:
    """How long to wait after so many tries of a refund."""
    return timedelta(seconds=REFUND_PAUSES[min(tries, len(REFUND_PAUSES)) - 1])
