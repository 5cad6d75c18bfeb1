"""What does the rider do next? Pure calculation over the two statuses of the order."""

from enum import StrEnum


class Step(StrEnum):
    """The next thing to do; the page shows exactly one."""

    GO = "GO"  # to the shop, it is not ready yet
    COLLECT = "COLLECT"
    CASH = "CASH"  # at the door: money first
    HAND_OVER = "HAND_OVER"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


def next_step(status: str, payment_status: str) -> Step:
    """The step that follows from an order's `status` and `payment_status`."""
    if status == "ON_DELIVERY":
        return Step.CASH if payment_status == "DUE_ON_DELIVERY" else Step.HAND_OVER
    return {"READY": Step.COLLECT, "COMPLETED": Step.DONE, "CANCELLED": Step.CANCELLED}.get(status, Step.GO)
