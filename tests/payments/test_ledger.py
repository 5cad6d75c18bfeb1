"""The books: each movement is booked once, sums to zero, and stays, whatever code or plain SQL tries."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from config.ground import clock
from orders.actors import as_rider
from payments import ledger
from payments.models import LedgerAccount, LedgerEntry, LedgerPosting
from payments.services import collect_cash
from tests.payments.paying import at_once, fresh

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 11, 20)


def fee(amount_minor, ref="fee:WECHAT:2026-11-20"):
    return ledger.book_fee("WECHAT", DAY, amount_minor, ref=ref)


def sql(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def entry_by_sql(*amounts, parts=None, currency="CNY"):
    """One entry with a posting for each amount, each to another account."""
    with transaction.atomic(), connection.cursor() as cursor:
        names = ["bank", "suspense", "revenue:MEAL"][: len(amounts)]
        LedgerAccount.objects.bulk_create([LedgerAccount(name=name) for name in names], ignore_conflicts=True)
        cursor.execute(
            "INSERT INTO payments_ledgerentry (ref, kind, order_ref, currency, parts, booked_at)"
            " VALUES ('by hand', 'PAYMENT', '', %s, %s, now()) RETURNING id",
            [currency, len(amounts) if parts is None else parts],
        )
        (entry,) = cursor.fetchone()
        for name, amount in zip(names, amounts, strict=True):
            cursor.execute(
                "INSERT INTO payments_ledgerposting (entry_id, account_id, amount_minor)"
                " SELECT %s, id, %s FROM payments_ledgeraccount WHERE name = %s",
                [entry, amount, name],
            )
    return entry


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


def test_an_entry_by_plain_sql_stands_when_it_sums_to_zero():
    entry_by_sql(-700, 500, 200)
    assert ledger.balance("bank") == -700


@pytest.mark.parametrize(
    ("amounts", "facts"),
    [
        ((-700, 500, 201), {}),  # does not sum to zero
        ((), {}),  # no postings at all
        ((700,), {}),  # one side only
        ((-700, 700), {"parts": 3}),  # one posting is missing
        ((-700, 700), {"currency": "USD"}),  # accounts of another currency
        ((-700, 0, 700), {}),  # a posting that moves nothing
    ],
)
def test_refuses_an_entry_that_does_not_add_up(amounts, facts):
    with pytest.raises(IntegrityError):
        entry_by_sql(*amounts, **facts)
    assert LedgerEntry.objects.count() == LedgerPosting.objects.count() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments_ledgerposting SET amount_minor = amount_minor + 1",
        "DELETE FROM payments_ledgerposting",
        "UPDATE payments_ledgerentry SET booked_at = now()",
        "UPDATE payments_ledgerentry SET shop_id = NULL, kind = 'CASH'",
        "DELETE FROM payments_ledgerentry",
        "UPDATE payments_ledgeraccount SET name = 'elsewhere'",
        "DELETE FROM payments_ledgeraccount",
    ],
)
def test_refuses_every_change_of_what_is_written(statement):
    fee(123)
    with pytest.raises(ProgrammingError, match="Cannot update or delete"):
        sql(statement)
    assert ledger.balance("expense:gateway_fee") == 123


def test_refuses_postings_that_come_after_the_entry_even_when_they_sum_to_zero():
    """A day that was told stays as it was told."""
    entry = entry_by_sql(-700, 700)
    bank = LedgerAccount.objects.get(name="bank")
    late = [LedgerPosting(entry_id=entry, account=bank, amount_minor=amount) for amount in (5, -5)]
    with pytest.raises(IntegrityError):
        LedgerPosting.objects.bulk_create(late)
    assert LedgerPosting.objects.count() == 2


def test_a_balance_can_be_asked_as_of_a_moment():
    fee(100)
    before = LedgerEntry.objects.get().booked_at
    ledger.book_fee("WECHAT", clock.now().date() + timedelta(days=1), 30, ref="fee:later")
    assert ledger.balance("expense:gateway_fee", at=before - timedelta(microseconds=1)) == 0
    assert ledger.balance("expense:gateway_fee", at=before) == 100
    assert ledger.balance("expense:gateway_fee") == 130


def test_the_trial_balance_names_every_account_and_sums_to_zero(make_order, cast):
    order = make_order("ON_DELIVERY", method="CASH")
    collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor)
    fee(123)
    rows = ledger.trial_balance()
    assert {row.name: row.balance_minor for row in rows} == {
        f"cash:rider:{cast.ravi.public_id}": order.total_minor,
        "revenue:MEAL": -order.total_minor,
        "gateway:WECHAT": -123,
        "expense:gateway_fee": 123,
    }
    assert sum(row.balance_minor for row in rows) == 0
    assert ledger.trial_balance(at=clock.now() - timedelta(days=30)) == []


def test_an_entry_knows_its_shop_and_what_kind_of_movement_it_is(make_order, cast, noodles):
    order = make_order("ON_DELIVERY", method="CASH")
    collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor)
    entry = LedgerEntry.objects.get()
    assert (entry.shop_id, entry.kind, entry.order_ref) == (noodles.shop.pk, "PAYMENT", order.public_id)
    assert fresh(order).payment_status == "PAID"
