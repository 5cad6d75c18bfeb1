"""Support's queue of refunds that wait for a second person: who sees it, who decides, what is kept."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from orders.models import Order, StaffAction
from orders.roles import LEAD
from payments import settle
from payments.models import Refund, RefundProposal
from tests.conftest import make_user
from tests.project.test_admin_repairs import WHY, paid_online, press

pytestmark = pytest.mark.django_db


@pytest.fixture
def lou(desk, browser):
    """A second lead."""
    del desk
    person = make_user("lou", is_staff=True)
    person.groups.add(Group.objects.get(name=LEAD))
    return browser(person)


@pytest.fixture
def order(make_order, settings):
    settings.REFUND_SECOND_PERSON_MINOR = 1000
    placed = make_order("PENDING", paid=False)
    settle.apply(paid_online(placed).public_id)
    return Order.objects.get(pk=placed.pk)


def proposed(desk, order) -> RefundProposal:
    answer = press(desk.lena, order, "refund", amount="12.50", words="For the cold soup")
    assert answer.status_code == 302
    assert "Nothing goes back before a second person" in desk.lena.get(answer["Location"]).text
    return RefundProposal.objects.get(order=order)


def page_of(proposal) -> str:
    return reverse("admin:payments_refundproposal_change", args=[proposal.public_id])


def decide(client, proposal, do, reason=WHY, **fields):
    return client.post(page_of(proposal), {"do": do, "reason": reason} | fields)


def test_the_order_page_says_the_limit_and_that_it_was_proposed_only(desk, order):
    """Pressed twice it is proposed once: the order has moved on."""
    page = desk.lena.get(reverse("admin:orders_order_change", args=[order.public_id]), {"ask": "refund"})
    assert "Above ¥10.00 of one order a second person has to approve it." in page.text
    proposed(desk, order)
    assert press(desk.lena, order, "refund", amount="12.50", words="For the cold soup").status_code == 409
    assert not Refund.objects.exists()
    answer = desk.lena.get(reverse("admin:orders_order_change", args=[order.public_id]))
    assert "Waits for a second person" in answer.text
    assert page_of(RefundProposal.objects.get()) in answer.text


def test_the_queue_lists_it_with_its_count_and_leads_to_its_page(desk, order):
    proposal = proposed(desk, order)
    listed = desk.sam.get(reverse("admin:payments_refundproposal_changelist"))
    assert page_of(proposal) in listed.text
    assert "¥12.50" in listed.text
    page = desk.sam.get(page_of(proposal))
    for said in ("¥12.50", "For the cold soup", WHY, "Lena", order.public_id, "This is for a support lead."):
        assert said in page.text, said


def test_a_second_lead_approves_and_the_money_goes_back(desk, lou, order):
    proposal = proposed(desk, order)
    assert "Approve and return ¥12.50" in lou.get(page_of(proposal)).text
    assert decide(lou, proposal, "approve").status_code == 302
    refund = Refund.objects.get(attempt__order=order)
    assert (refund.amount_minor, refund.reason, refund.words) == (1250, "MANUAL", "For the cold soup")
    assert set(StaffAction.objects.values_list("does", flat=True)) == {"refund", "refund-approve"}
    assert decide(lou, proposal, "approve").status_code == 409
    assert Refund.objects.count() == 1


def test_the_proposer_reads_why_not_and_cannot_by_a_handmade_form(desk, order):
    proposal = proposed(desk, order)
    assert "somebody else has to decide about it" in desk.lena.get(page_of(proposal)).text
    for do in ("approve", "decline"):
        assert decide(desk.lena, proposal, do).status_code == 403
    assert not Refund.objects.exists()


def test_plain_support_is_refused_and_the_try_is_kept(desk, order):
    proposal = proposed(desk, order)
    assert decide(desk.sam, proposal, "approve").status_code == 403
    assert StaffAction.objects.filter(outcome="DENIED").count() == 1
    assert not Refund.objects.exists()


def test_declining_wants_a_sentence_and_keeps_what_was_typed(desk, lou, order):
    proposal = proposed(desk, order)
    refused = decide(lou, proposal, "decline", reason="no")
    assert refused.status_code == 422
    assert "10 characters" in refused.text
    assert decide(lou, proposal, "decline").status_code == 302
    assert RefundProposal.objects.get().state == "DECLINED"
    assert "Nothing is left to decide here" in lou.get(page_of(proposal)).text


def test_an_unknown_verb_and_an_unknown_proposal(desk, lou, order):
    proposal = proposed(desk, order)
    assert decide(lou, proposal, "halve").status_code == 403
    assert lou.get(reverse("admin:payments_refundproposal_change", args=["rfp_0"])).status_code == 404
    assert lou.get(reverse("admin:payments_refundproposal_change", args=[str(proposal.pk)])).status_code == 404


def test_approving_asks_for_the_second_factor(desk, lou, order, settings):
    """Where it is needed; a wrong code changes nothing."""
    proposal = proposed(desk, order)
    settings.ADMIN_NEEDS_TOTP = True
    device = TOTPDevice.objects.create(user=proposal.proposed_by.__class__.objects.get(username="lou"), name="app")
    lou.post(reverse("admin:login"), {"code": f"{totp(device.bin_key):06d}", "next": "/admin/"})
    assert decide(lou, proposal, "approve", code="12").status_code == 403
    assert not Refund.objects.exists()
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None, last_t=-1)
    assert decide(lou, proposal, "approve", code=f"{totp(device.bin_key):06d}").status_code == 302
    assert Refund.objects.count() == 1


def test_nothing_of_a_proposal_is_added_changed_or_deleted_by_hand(desk, order):
    proposal = proposed(desk, order)
    assert desk.lena.get(reverse("admin:payments_refundproposal_add")).status_code == 403
    assert desk.lena.post(f"{page_of(proposal).removesuffix('change/')}delete/", {"post": "yes"}).status_code == 403
    assert RefundProposal.objects.get().state == "OPEN"


def test_a_refund_that_is_stuck_is_recorded_as_sent_by_the_bank(desk, order):
    """Support gives it back by transfer: the refund ends, the books say from where, the customer reads to where."""
    press(desk.lena, order, "refund", amount="9.00", words="For the cold soup")
    refund = Refund.objects.get()
    fresh = Order.objects.get(pk=order.pk)
    fields = {"reference": "BK-20261121-07"}
    assert press(desk.lena, fresh, "returned-another-way", **fields).status_code == 404, "the gateway is still at it"
    Refund.objects.filter(pk=refund.pk).update(state="FAILED", next_try_at=None)
    bad = press(desk.lena, fresh, "returned-another-way", reference="x")
    assert (bad.status_code, "receipt number" in bad.text) == (422, True)
    assert press(desk.lena, fresh, "returned-another-way", **fields).status_code == 302
    refund.refresh_from_db()
    assert (refund.state, refund.way, refund.reference) == ("SUCCESS", "BANK", "BK-20261121-07")
    assert Order.objects.get(pk=order.pk).returned_minor == 900
