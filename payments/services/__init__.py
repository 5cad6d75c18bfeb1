"""What can happen to a payment: one public function per happening. Pages, API, callbacks and clock call these."""

from payments.services.ask import ask_gateway, close_attempt
from payments.services.cash import collect_cash
from payments.services.give_back import left_to_return, refund_by_shop, request_refund
from payments.services.hear import hear_notification
from payments.services.start import open_attempt, start_payment, unreachable

__all__ = [
    "ask_gateway",
    "close_attempt",
    "collect_cash",
    "hear_notification",
    "left_to_return",
    "open_attempt",
    "refund_by_shop",
    "request_refund",
    "start_payment",
    "unreachable",
]
