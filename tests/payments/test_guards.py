"""What the database itself refuses, whatever Python believes."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError

from config.ground import clock
from payments.models import Attempt, InboxEntry, Refund
from payments.refusals import RefundTooMuch
from payments.services import request_refund

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def make_attempt(make_order):
    order = make_order()

    def make(**fields):
        usual = {
            "order": order,
            "seq": Attempt.objects.count() + 1,
            "channel": "WECHAT",
            "merchant_account": "1900000001",
            "out_trade_no": f"trade-{Attempt.objects.count() + 1}",
            "form": "native",
            "amount_minor": order.total_minor,
            "gateway_expires_at": clock.now() + timedelta(minutes=10),
        }
        return Attempt.objects.create(**{**usual, **fields})

    return make


@pytest.fixture
def success(make_attempt):
    now = clock.now()
    money = {"paid_minor": 1000, "paid_currency": "CNY", "gateway_txn_no": "4200001", "paid_at": now}
    return make_attempt(state="SUCCESS", disposition="APPLIED", applied_at=now, **money)


def test_refuses_to_reserve_more_than_was_paid(success):
    Attempt.objects.filter(pk=success.pk).update(refund_reserved_minor=1000)
    with pytest.raises(IntegrityError, match="refund_at_most_what_was_paid"):
        Attempt.objects.filter(pk=success.pk).update(refund_reserved_minor=1001)


def test_refuses_to_return_more_than_was_reserved(success):
    with pytest.raises(IntegrityError, match="return_only_what_was_reserved"):
        Attempt.objects.filter(pk=success.pk).update(refunded_minor=1)


def test_the_service_says_how_much_can_still_be_returned(success):
    request_refund(success.order.public_id, amount_minor=900, reason="MANUAL", key="one")
    with pytest.raises(RefundTooMuch) as no:
        request_refund(success.order.public_id, amount_minor=101, reason="MANUAL", key="two")
    assert "¥1.00" in no.value.detail
    assert request_refund(success.order.public_id, amount_minor=900, reason="MANUAL", key="one").amount_minor == 900
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"state": "CLOSED"}, {"paid_minor": 1}, {"gateway_txn_no": "x"}, {"disposition": "LATE"}]
)
def test_money_that_came_in_stays_a_fact(success, change):
    with pytest.raises(IntegrityError):
        Attempt.objects.filter(pk=success.pk).update(**change)


def test_closed_may_become_success(make_attempt):
    attempt = make_attempt(state="CLOSED")
    attempt.state, attempt.paid_minor, attempt.gateway_txn_no, attempt.paid_at = "SUCCESS", 5, "42", clock.now()
    attempt.save()


def test_success_means_money_and_number(make_attempt):
    with pytest.raises(IntegrityError, match="success_means_money_and_number"):
        make_attempt(state="SUCCESS")


def test_one_open_and_one_applied_attempt_per_order(make_attempt, success):
    make_attempt()
    with pytest.raises(IntegrityError, match="one_open_attempt_per_order"):
        make_attempt()
    now = clock.now()
    with pytest.raises(IntegrityError, match="one_applied_attempt_per_order"):
        make_attempt(
            state="SUCCESS", paid_minor=1, gateway_txn_no="7", paid_at=now, disposition="APPLIED", applied_at=now
        )


def test_numbers_are_unique_at_a_gateway(make_attempt, success):
    with pytest.raises(IntegrityError, match="one_attempt_per_trade_number"):
        make_attempt(out_trade_no=success.out_trade_no)
    with pytest.raises(IntegrityError, match="one_attempt_per_gateway_number"):
        make_attempt(state="SUCCESS", paid_minor=1, gateway_txn_no=success.gateway_txn_no, paid_at=clock.now())


def test_attempts_and_refunds_are_kept(success):
    refund = request_refund(success.order.public_id, reason="MANUAL", key="one")
    for row in (refund, success):
        with pytest.raises(DatabaseError):
            row.delete()


def test_the_inbox_only_grows():
    entry = InboxEntry.objects.create(channel="WECHAT", source="NOTIFY", verified=True, dedupe_key="a", body=b"{}")
    rows = InboxEntry.objects.filter(pk=entry.pk)
    rows.update(processed_at=clock.now())
    for change in ({"body": b"other"}, {"verified": False}, {"processed_at": None}):
        with pytest.raises(IntegrityError, match="kept as it came"):
            rows.update(**change)
    with pytest.raises(IntegrityError, match="kept as it came"):
        rows.delete()
    with pytest.raises(IntegrityError, match="each_message_is_kept_once"):
        InboxEntry.objects.create(channel="WECHAT", source="NOTIFY", verified=True, dedupe_key="a", body=b"{}")
