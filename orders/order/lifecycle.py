"""Which states may follow which: the two state machines, and nothing but them.

Transitions only decide; orders/order/road.py writes. A condition here concerns the order's own columns;
whatever needs other rows (lines, claims) is checked by the service before it takes the road.
"""

from typing import TYPE_CHECKING, Any

from django_fsm import transition

from orders.order.states import SETTLED, CancelReason, CompletedHow, PaymentStatus, Status

if TYPE_CHECKING:
    from django_fsm import FSMField

S, P = Status, PaymentStatus
CANCELLABLE = [S.PENDING, S.CONFIRMED, S.PREPARING, S.READY]


def is_settled(order: Any) -> bool:
    """Paid, or cash is due at the door."""
    return order.payment_status in SETTLED


def is_running(order: Any) -> bool:
    """Not over; money for what is over is recorded as late, never applied."""
    return order.status not in {S.COMPLETED, S.CANCELLED}


def has_no_cash_due(order: Any) -> bool:
    """Nothing is to be collected any more."""
    return order.payment_status != P.DUE_ON_DELIVERY


def is_cash(order: Any) -> bool:
    """The customer chose cash."""
    return bool(order.method == "CASH")


class Lifecycle:
    """Mixed into Order; `status` and `payment_status` are its fields."""

    status: "FSMField"
    payment_status: "FSMField"
    cancel_reason: str
    completed_how: str

    # ── goods ────────────────────────────────────────────────────────────────────────────────────
    @transition("status", source=S.PENDING, target=S.CONFIRMED, conditions=[is_settled])
    def confirm(self) -> None:
        """The shop takes it."""

    @transition("status", source=S.CONFIRMED, target=S.PREPARING)
    def start_preparing(self) -> None:
        """Kitchen, warehouse or system begins."""

    @transition("status", source=S.PREPARING, target=S.READY)
    def mark_ready(self) -> None:
        """Packed."""

    @transition("status", source=S.READY, target=S.ON_DELIVERY)
    def pick_up(self) -> None:
        """The rider has it."""

    @transition("status", source=S.ON_DELIVERY, target=S.COMPLETED, conditions=[has_no_cash_due])
    def deliver(self) -> None:
        """Handed over at the door."""
        self.completed_how = CompletedHow.DELIVERED

    @transition("status", source=S.READY, target=S.COMPLETED, conditions=[has_no_cash_due])
    def collect(self) -> None:
        """Handed over in the shop."""
        self.completed_how = CompletedHow.COLLECTED

    @transition("status", source=S.PREPARING, target=S.COMPLETED, conditions=[has_no_cash_due])
    def issue(self) -> None:
        """All card keys are issued."""
        self.completed_how = CompletedHow.ISSUED

    @transition("status", source=CANCELLABLE, target=S.CANCELLED)
    def cancel(self, reason: CancelReason) -> None:
        """It will not happen."""
        self.cancel_reason = reason

    @transition("status", source=S.ON_DELIVERY, target=S.CANCELLED)
    def abort_delivery(self, reason: CancelReason) -> None:
        """It failed on the way; support decides."""
        self.cancel_reason = reason

    # ── money ────────────────────────────────────────────────────────────────────────────────────
    @transition("payment_status", source=P.UNPAID, target=P.PROCESSING, conditions=[is_running])
    def claim_payment(self) -> None:
        """It may be paid; the gateway is being asked."""

    @transition("payment_status", source=P.PROCESSING, target=P.UNPAID)
    def release_payment(self) -> None:
        """The gateway says that it is not, or nothing is open by which it could be."""

    @transition("payment_status", source=P.UNPAID, target=P.DUE_ON_DELIVERY, conditions=[is_cash])
    def promise_cash(self) -> None:
        """Cash at the door."""

    @transition(
        "payment_status",
        source=[P.UNPAID, P.PROCESSING, P.DUE_ON_DELIVERY],
        target=P.PAID,
        conditions=[is_running],
    )
    def pay(self) -> None:
        """The money is ours."""

    @transition("payment_status", source=[P.PAID, P.PARTLY_REFUNDED], target=P.PARTLY_REFUNDED)
    def return_part(self) -> None:
        """Some of it went back."""

    @transition("payment_status", source=[P.PAID, P.PARTLY_REFUNDED], target=P.REFUNDED)
    def return_all(self) -> None:
        """All of it went back."""
