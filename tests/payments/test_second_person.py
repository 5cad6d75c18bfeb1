"""Refunds by support: alone up to a limit, above it two people; the database refuses everything else."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from config.ground import clock
from orders.actors import as_staff
from orders.models import StaffAction
from orders.services.refusals import ReasonRequired
from payments.models import Refund, RefundProposal
from payments.refusals import NothingToReturn, ProposalOpen, ProposalOver, RefundTooMuch, SecondPersonNeeded
from payments.services import (
    approve_refund,
    decline_refund,
    expire_proposals,
    refund_by_support,
    request_refund,
)
from tests.conftest import make_user
from tests.payments.paying import at_once, fresh, types_of
from tests.payments.test_returns import pay

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "The soup had leaked, the picture shows it"


@pytest.fixture
def lena(cast):
    return make_user("lena", is_staff=True)


@pytest.fixture
def paid(make_order, settings):
    settings.REFUND_SECOND_PERSON_MINOR = 1000
    order = make_order(paid=False)
    return order, pay(order)


def ask(order, sam, amount, key="one"):
    return refund_by_support(
        order.public_id, amount_minor=amount, words="For the soup", reason=WHY, key=key, actor=as_staff(sam)
    )


def approve(proposal, user, remark=WHY):
    return approve_refund(proposal.public_id, remark=remark, user=user, role="Support lead")


def test_up_to_the_limit_one_person_is_enough(paid, cast):
    order, _attempt = paid
    assert isinstance(ask(order, cast.sam, 1000), Refund)
    assert not RefundProposal.objects.exists()


def test_above_it_nothing_goes_back_before_a_second_person_says_so(paid, cast, lena):
    """The proposal reserves nothing; the approval makes the refund, and both names are kept."""
    order, attempt = paid
    proposal = ask(order, cast.sam, 1001)
    assert isinstance(proposal, RefundProposal)
    assert (fresh(attempt).refund_reserved_minor, Refund.objects.count()) == (0, 0)
    assert approve(proposal, lena).state == "APPROVED"
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.reason, refund.words) == (1001, "MANUAL", "For the soup")
    assert refund.actor == f"staff:{lena.public_id}"
    assert fresh(proposal).refund == refund
    kept = StaffAction.objects.get(does="refund-approve")
    assert (kept.user, kept.reason, kept.order) == (lena, WHY, order)


def test_nobody_gets_past_the_limit_in_slices(paid, cast):
    """What one person returned of this order before counts."""
    order, _attempt = paid
    ask(order, cast.sam, 600, "one")
    assert isinstance(ask(order, cast.sam, 401, "two"), RefundProposal)


def test_what_two_people_returned_does_not_count(paid, cast, lena):
    order, _attempt = paid
    approve(ask(order, cast.sam, 1500), lena)
    assert isinstance(ask(order, cast.sam, 1000, "two"), Refund)


def test_nobody_approves_or_declines_what_they_proposed(paid, cast):
    order, _attempt = paid
    proposal = ask(order, cast.sam, 2000)
    for decide in (approve_refund, decline_refund):
        with pytest.raises(SecondPersonNeeded):
            decide(proposal.public_id, remark=WHY, user=cast.sam, role="Support lead")
    assert (fresh(proposal).state, Refund.objects.count()) == ("OPEN", 0)


def test_the_database_refuses_one_person_in_both_places(paid, cast):
    """Whatever the code does."""
    proposal = ask(paid[0], cast.sam, 2000)
    with (
        pytest.raises(IntegrityError, match="a_second_person_decides"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE payments_refundproposal SET decided_by_id = proposed_by_id, decided_at = now(), remark = 'x',"
            " state = 'DECLINED' WHERE id = %s",
            [proposal.pk],
        )


@pytest.mark.parametrize("change", ["amount_minor = 1", "words = 'x'", "reason = 'x'"])
def test_the_database_refuses_to_change_what_was_proposed(change, paid, cast):
    proposal = ask(paid[0], cast.sam, 2000)
    with (
        pytest.raises(IntegrityError, match=r"a_proposal_keeps_what_it_says|what was proposed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE payments_refundproposal SET {change} WHERE id = %s", [proposal.pk])


def test_the_database_refuses_to_decide_twice(paid, cast, lena):
    proposal = ask(paid[0], cast.sam, 2000)
    decline_refund(proposal.public_id, remark=WHY, user=lena, role="Support lead")
    with pytest.raises(IntegrityError, match="stays decided"), transaction.atomic():
        RefundProposal.objects.filter(pk=proposal.pk).update(remark="Something else entirely")


def test_declined_returns_nothing_and_says_why(paid, cast, lena):
    order, _attempt = paid
    proposal = ask(order, cast.sam, 2000)
    decline_refund(proposal.public_id, remark=WHY, user=lena, role="Support lead")
    assert (fresh(proposal).state, fresh(proposal).remark, Refund.objects.count()) == ("DECLINED", WHY, 0)
    with pytest.raises(ProposalOver):
        approve(proposal, lena)
    assert isinstance(ask(order, cast.sam, 2000, "two"), RefundProposal), "a new one may be proposed"


def test_what_is_left_is_looked_at_again_when_it_is_approved(paid, cast, lena):
    """Between the two people the shop may have returned money: a clear no with the amount, nothing half done."""
    order, _attempt = paid
    proposal = ask(order, cast.sam, 2000)
    request_refund(order.public_id, amount_minor=order.total_minor - 500, reason="MERCHANT", words="x", key="shop")
    with pytest.raises(RefundTooMuch) as no:
        approve(proposal, lena)
    assert "¥5.00" in no.value.detail
    assert (fresh(proposal).state, StaffAction.objects.count()) == ("OPEN", 0)
    request_refund(order.public_id, amount_minor=500, reason="MERCHANT", words="x", key="shop2")
    with pytest.raises(NothingToReturn):
        approve(proposal, lena)


def test_it_expires(paid, cast, lena, settings):
    """After its hours nobody can approve it, whether the clock came by or not."""
    order, _attempt = paid
    proposal = ask(order, cast.sam, 2000)
    assert expire_proposals() == 0
    past = clock.now() - timedelta(seconds=1)
    RefundProposal.objects.filter(pk=proposal.pk).update(expires_at=past)
    with pytest.raises(ProposalOver):
        approve(proposal, lena)
    assert (expire_proposals(), expire_proposals()) == (1, 0)
    assert fresh(proposal).state == "EXPIRED"
    assert isinstance(ask(order, cast.sam, 2000, "two"), RefundProposal)


def test_one_waits_at_a_time(paid, cast, lena):
    order, _attempt = paid
    ask(order, cast.sam, 2000)
    with pytest.raises(ProposalOpen) as no:
        ask(order, lena, 1500, "two")
    assert "¥20.00" in no.value.detail


def test_a_proposal_is_refused_above_what_is_left(paid, cast):
    order, _attempt = paid
    with pytest.raises(RefundTooMuch):
        ask(order, cast.sam, order.total_minor + 1)
    assert not RefundProposal.objects.exists()


def test_a_decision_wants_a_sentence(paid, cast, lena):
    proposal = ask(paid[0], cast.sam, 2000)
    with pytest.raises(ReasonRequired):
        approve(proposal, lena, remark="ok")
    assert fresh(proposal).state == "OPEN"


def test_ten_approvals_at_the_same_moment_are_one_refund(paid, cast):
    order, _attempt = paid
    proposal = ask(order, cast.sam, 2000)
    leads = [make_user(f"lead{n}", is_staff=True) for n in range(10)]
    results = at_once(*[lambda who=who: approve(proposal, who) for who in leads])
    assert sum(isinstance(one, ProposalOver) for one in results) == 9, results
    assert Refund.objects.count() == 1
    assert types_of(order).count("refund.requested") == 1
