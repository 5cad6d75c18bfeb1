"""What can happen to a payment: one public function per happening. Pages, API, callbacks and clock call these."""

from payments.services.ask import ask_gateway, close_attempt
from payments.services.cash import collect_cash
from payments.services.give_back import (
    left_of_line,
    left_to_return,
    refund_by_shop,
    request_refund,
    why_not_by_shop,
)
from payments.services.hand_in import hand_in_cash, how_it_ended, receive_cash, withdraw_hand_in
from payments.services.hear import hear_notification
from payments.services.second_person import (
    approve_refund,
    decline_refund,
    expire_proposals,
    needs_second_person,
    refund_by_support,
)
from payments.services.start import invocation, open_attempt, start_payment, unreachable

__all__ = [
    "approve_refund",
    "ask_gateway",
    "close_attempt",
    "collect_cash",
    "decline_refund",
    "expire_proposals",
    "hand_in_cash",
    "hear_notification",
    "how_it_ended",
    "invocation",
    "left_of_line",
    "left_to_return",
    "needs_second_person",
    "open_attempt",
    "receive_cash",
    "refund_by_shop",
    "refund_by_support",
    "request_refund",
    "start_payment",
    "unreachable",
    "why_not_by_shop",
    "withdraw_hand_in",
]
