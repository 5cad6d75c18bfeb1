"""Money that goes back by hand, for a line and for the rest: never more than came, and all of it once."""

import pytest
from django.db.models import Sum

from orders import services
from orders.actors import SYSTEM, as_merchant
from orders.models import Order
from payments import ledger, refunds, settle
from payments.gateways.base import RefundSeen, Seen
from payments.models import Attempt, LedgerPosting, Refund
from payments.services import request_refund
from tests.payments.paying import fresh, hear

pytestmark = pytest.mark.django_db(transaction=True)


def pay(order: Order) -> Attempt:
    """The order's money, as a verified notification tells it."""
    services.begin_payment(order.public_id, method="WECHAT", actor=SYSTEM)
    attempt = Attempt.objects.create(
        order=order, seq=1, channel="WECHAT", merchant_account="m", out_trade_no=f"t-{order.number:08d}", form="native",
        amount_minor=order.total_minor, currency="CNY", gateway_expires_at=order.expires_at,
    )  # fmt: skip
    seen = Seen(
        out_trade_no=attempt.out_trade_no, state="SUCCESS", gateway_txn_no=f"g-{order.number}",
        amount_minor=order.total_minor, currency="CNY", paid_at=None, merchant_account="m", raw={},
    )  # fmt: skip
    settle.record_fact("WECHAT", seen)
    return settle.apply(attempt.public_id)


def all_back() -> None:
    """The gateway returns everything that was asked for, and says so twice."""
    for refund in [*Refund.objects.select_related("attempt"), *Refund.objects.select_related("attempt")]:
        refunds.record_refund(
            RefundSeen(
                out_refund_no=refund.out_refund_no,
                out_trade_no=refund.attempt.out_trade_no,
                state="SUCCESS",
                gateway_refund_no="r",
                amount_minor=refund.amount_minor,
                merchant_account="m",
            )
        )


def balanced(order: Order, attempt: Attempt) -> None:
    order, attempt = fresh(order), fresh(attempt)
    assert order.returned_minor == attempt.refunded_minor == attempt.refund_reserved_minor <= order.paid_minor
    assert LedgerPosting.objects.aggregate(total=Sum("amount_minor"))["total"] == 0
    assert ledger.balance("gateway:WECHAT") == order.paid_minor - order.returned_minor
    assert ledger.balance(ledger.SUSPENSE) == 0


def test_what_support_returned_by_hand_is_not_returned_again_for_a_line(make_order, cast):
    """The strike-out returns what is left; neither it nor the cancelling after it waits for a person."""
    order = make_order(paid=False)
    attempt = pay(order)
    request_refund(order.public_id, amount_minor=order.total_minor - 500, reason="MANUAL", words="late", key="hand")
    services.strike_out_line(order.public_id, 2, actor=as_merchant(cast.bruno))
    hear(order, "line.struck_out")
    services.cancel_order(order.public_id, reason="STAFF", actor=SYSTEM)
    hear(order, "order.cancelled")
    all_back()
    assert [refund.amount_minor for refund in Refund.objects.order_by("pk")] == [order.total_minor - 500, 500]
    assert fresh(order).payment_status == "REFUNDED"
    balanced(order, attempt)


def test_a_part_then_the_rest_goes_back_once_however_often_it_is_heard(make_order, cast):
    order = make_order(paid=False)
    attempt = pay(order)
    services.strike_out_line(order.public_id, 2, actor=as_merchant(cast.bruno))
    for _again in range(3):
        hear(order, "line.struck_out")
    all_back()
    assert fresh(order).payment_status == "PARTLY_REFUNDED"
    services.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    for _again in range(3):
        hear(order, "line.struck_out", "order.cancelled")
    all_back()
    assert Refund.objects.count() == 2
    assert fresh(order).payment_status == "REFUNDED"
    balanced(order, attempt)
