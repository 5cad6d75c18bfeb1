"""Money against everything else at the same moment: whoever wins, nothing is lost, paid twice or given back twice."""

import pytest
from django.db.models import Sum

from config.ground.problems import Refusal
from orders import services
from orders.actors import SYSTEM, as_merchant
from orders.models import Stock
from payments import ledger, settle
from payments.gateways.base import Seen
from payments.models import Attempt, LedgerPosting, Refund
from tests.payments.paying import at_once, fresh, hear

pytestmark = pytest.mark.django_db(transaction=True)
TIMES = 6


def attempt_of(order):
    """An open attempt and the fact that its gateway would tell."""
    services.begin_payment(order.public_id, method="WECHAT", actor=SYSTEM)
    services.claim_payment(order.public_id, actor=SYSTEM)
    attempt = Attempt.objects.create(
        order=order, seq=1, channel="WECHAT", merchant_account="m", out_trade_no=f"race-{order.number}", form="native",
        amount_minor=order.total_minor, currency="CNY", gateway_expires_at=order.expires_at,
    )  # fmt: skip
    fact = Seen(
        out_trade_no=attempt.out_trade_no, state="SUCCESS", gateway_txn_no=f"g-{order.number}",
        amount_minor=order.total_minor, currency="CNY", paid_at=None, merchant_account="m", raw={},
    )  # fmt: skip
    return attempt, fact


def notified(attempt, fact):
    settle.record_fact("WECHAT", fact)
    return settle.apply(attempt.public_id)


@pytest.fixture
def dumplings(noodles):
    beef = services.Item(noodles.beef.public_id, 1, (noodles.mild.public_id,))
    return [services.Item(noodles.dumplings.public_id, 1), beef]


def only_refusals(results):
    assert not [found for found in results if isinstance(found, Exception) and not isinstance(found, Refusal)], results


def test_the_same_notification_six_times_is_one_payment(make_order):
    order = make_order(paid=False)
    attempt, fact = attempt_of(order)
    only_refusals(at_once(*[lambda: notified(attempt, fact)] * 6))
    assert (fresh(order).payment_status, fresh(attempt).disposition) == ("PAID", "APPLIED")
    assert ledger.balance("gateway:WECHAT") == order.total_minor
    assert LedgerPosting.objects.aggregate(total=Sum("amount_minor"))["total"] == 0


@pytest.mark.parametrize("rival", ["cancel", "release", "strike"])
def test_a_notification_against(rival, make_order, dumplings, cast):
    bruno = as_merchant(cast.bruno)
    for _again in range(TIMES):
        order = make_order(paid=False, items=dumplings)
        attempt, fact = attempt_of(order)
        rivals = {
            "cancel": lambda ref=order.public_id: services.cancel_order(ref, reason="CUSTOMER", actor=SYSTEM),
            "release": lambda ref=order.public_id: services.release_payment(ref),
            "strike": lambda ref=order.public_id: services.strike_out_line(ref, 1, actor=bruno),
        }
        only_refusals(at_once(lambda a=attempt, f=fact: notified(a, f), rivals[rival]))
        order = fresh(order)
        assert (order.status, order.payment_status, fresh(attempt).disposition) in {
            ("PENDING", "PAID", "APPLIED"),
            ("CANCELLED", "PAID", "APPLIED"),
            ("CANCELLED", "PROCESSING", "LATE"),
        }
        hear(order, "order.cancelled", "line.struck_out")
        back = Refund.objects.filter(attempt=attempt).aggregate(total=Sum("amount_minor"))["total"] or 0
        assert back == (order.total_minor if order.status == "CANCELLED" else order.struck_minor)
        assert LedgerPosting.objects.aggregate(total=Sum("amount_minor"))["total"] == 0


def test_a_strike_out_against_a_cancelling_gives_everything_back_once(make_order, dumplings, cast, noodles):
    bruno = as_merchant(cast.bruno)
    for _again in range(TIMES):
        order = make_order(paid=False, items=dumplings)
        attempt, fact = attempt_of(order)
        notified(attempt, fact)
        paid = order.total_minor
        only_refusals(
            at_once(
                lambda ref=order.public_id: services.strike_out_line(ref, 1, actor=bruno),
                lambda ref=order.public_id: services.cancel_order(ref, reason="CUSTOMER", actor=SYSTEM),
            )
        )
        for _heard in range(2):
            hear(order, "line.struck_out", "order.cancelled")
        assert fresh(order).status == "CANCELLED"
        assert Refund.objects.filter(attempt=attempt).aggregate(total=Sum("amount_minor"))["total"] == paid
        assert Stock.objects.get(product=noodles.dumplings).reserved == 0
