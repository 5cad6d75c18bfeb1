"""Whoever writes about money of card keys may paste one into the sentence: it is kept masked, wherever it is kept."""

import pytest

from orders import services
from orders.actors import SYSTEM, as_merchant, as_staff
from orders.models import Key, Order, StaffAction
from payments import differences
from payments.differences import Found
from payments.models import Difference, DifferenceStep, Refund, RefundProposal
from payments.services import approve_refund, decide, refund_by_shop, refund_by_support
from tests.conftest import make_user
from tests.payments.paying import fresh
from tests.payments.test_returns import pay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bought(make_order, keyshop):
    """An order of two keys, paid and so finished, and one of the keys."""
    items = [services.Item(keyshop.card.public_id, 2)]
    order = make_order(paid=False, shop_id=keyshop.shop.public_id, items=items, address={})
    pay(order)
    return fresh(order), Key.objects.filter(issues__order=order).first().text()


def nowhere(key):
    """In no sentence of any row; the masked key is where it was written."""
    rows = [Refund, RefundProposal, StaffAction, Difference, DifferenceStep]
    kept = [str(row) for kind in rows for row in kind.objects.values()]
    kept += map(str, Order.objects.values_list("cancel_words"))
    return not any(key in row for row in kept) and any(f"····{key[-4:]}" in row for row in kept)


def test_the_shops_words_about_a_refund(bought, cast):
    order, key = bought
    said = f"{key} was refused"
    refund = refund_by_shop(order.public_id, amount_minor=100, words=said, key="k", actor=as_merchant(cast.dana))
    assert refund.words == f"····{key[-4:]} was refused"
    assert nowhere(key)


def test_supports_words_reason_and_remark_about_a_proposal(bought, cast, settings):
    settings.REFUND_SECOND_PERSON_MINOR = 0
    order, key = bought
    said = f"the key {key} was refused, says the customer"
    proposal = refund_by_support(
        order.public_id, amount_minor=100, words=said, reason=said, key="k", actor=as_staff(cast.sam)
    )
    lena = make_user("lena", is_staff=True)
    approve_refund(proposal.public_id, remark=said, user=lena, role="Support lead")
    assert nowhere(key)


def test_a_remark_about_a_difference(bought, cast):
    order, key = bought
    found = differences.report(
        Found(kind=Difference.Kind.REFUND_AMOUNT, subject="refund:rf_1", order_ref=order.public_id, theirs_minor=1)
    )
    decide.ignore(found.public_id, remark=f"it is about {key}, see above", user=cast.sam, role="Support")
    assert nowhere(key)


def test_what_is_written_when_an_order_is_cancelled(bought, make_order, keyshop):
    _order, key = bought
    items = [services.Item(keyshop.card.public_id, 1)]
    other = make_order(paid=False, shop_id=keyshop.shop.public_id, items=items, address={})
    services.cancel_order(other.public_id, reason="STAFF", words=f"instead of {key}", actor=SYSTEM)
    assert nowhere(key)
