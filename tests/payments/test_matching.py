"""What becomes of money, as a table; and when a gateway is asked again."""

from datetime import UTC, datetime, timedelta

import pytest

from payments.matching import Owed, Paid, disposition, next_sync, refund_pause

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "payment_status", "amount", "expected"),
    [
        ("PENDING", "UNPAID", 8400, "APPLIED"),
        ("PENDING", "PROCESSING", 8400, "APPLIED"),
        ("PENDING", "PROCESSING", 8399, "MISMATCH"),
        ("PENDING", "PROCESSING", 8401, "MISMATCH"),
        ("PENDING", "PAID", 8400, "DUPLICATE"),
        ("PREPARING", "PARTLY_REFUNDED", 8400, "DUPLICATE"),
        ("COMPLETED", "REFUNDED", 1, "DUPLICATE"),
        ("PENDING", "DUE_ON_DELIVERY", 8400, "APPLIED"),
        ("ON_DELIVERY", "DUE_ON_DELIVERY", 8400, "APPLIED"),
        ("ON_DELIVERY", "DUE_ON_DELIVERY", 8000, "MISMATCH"),
        ("CANCELLED", "UNPAID", 8400, "LATE"),
        ("CANCELLED", "PROCESSING", 1, "LATE"),
        ("CANCELLED", "PAID", 8400, "LATE"),
        ("CANCELLED", "DUE_ON_DELIVERY", 8400, "LATE"),
    ],
)
def test_says_what_becomes_of_money(status, payment_status, amount, expected):
    assert disposition(Owed(status, payment_status, 8400, "CNY"), Paid(amount, "CNY")) == expected


def test_another_currency_is_another_amount():
    assert disposition(Owed("PENDING", "UNPAID", 8400, "CNY"), Paid(8400, "HKD")) == "MISMATCH"


def test_asks_at_growing_intervals_until_a_day_after_the_deadline():
    deadline, moments, now = NOON + timedelta(minutes=14), [], NOON
    while (now := next_sync(NOON, deadline, now)) is not None:
        moments.append(int((now - NOON).total_seconds()))
    end = 14 * 60
    assert moments == [5, 10, 20, 30, 60, 180, 300, 600, end, end + 60, end + 600, end + 3600, end + 86400]


def test_a_refund_is_tried_at_growing_intervals():
    assert [refund_pause(tries).seconds for tries in (1, 2, 7, 99)] == [5, 10, 3600, 3600]
