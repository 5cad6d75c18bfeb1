"""The books: each movement is booked once, sums to zero, and stays."""

from datetime import date

import pytest

from payments import ledger
from payments.models import LedgerEntry
from tests.payments.paying import at_once

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 11, 20)


def fee(amount_minor, ref="fee:WECHAT:2026-11-20"):
    return ledger.book_fee("WECHAT", DAY, amount_minor, ref=ref)


def test_a_fee_leaves_the_gateway_and_is_booked_once():
    assert fee(123)
    assert not fee(123)
    assert (ledger.balance("gateway:WECHAT"), ledger.balance("expense:gateway_fee")) == (-123, 123)


def test_fees_given_back_return_and_no_fee_books_nothing():
    assert fee(-40)
    assert not fee(0, ref="fee:WECHAT:2026-11-19")
    assert ledger.balance("expense:gateway_fee") == -40
    assert LedgerEntry.objects.count() == 1


def test_two_runs_at_once_book_one_fee():
    assert sorted(at_once(*[lambda: fee(77)] * 4)) == [False, False, False, True]
    assert ledger.balance("expense:gateway_fee") == 77
