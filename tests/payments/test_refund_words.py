"""Every refund that can be has words in both languages, and every reason of the glossary is reached by its own road."""

import pytest
from django.template import Context, Template
from django.utils import translation

from orders import services
from orders.actors import SYSTEM, as_merchant, as_staff
from payments.models import Refund
from payments.services import refund_by_shop, request_refund
from payments.words import PLACE, REFUND_REASON, REFUND_STATE, WAY, reason_of
from tests.conftest import walk
from tests.payments.paying import fresh, hear
from tests.payments.test_returns import pay

pytestmark = pytest.mark.django_db(transaction=True)
HIDDEN_FROM_SHOPS = {"LATE", "DUPLICATE", "MISMATCH"}
ITEM = {"en": "Dumplings", "zh": "饺子"}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("reason", Refund.Reason.values)
@pytest.mark.parametrize("state", Refund.State.values)
def test_every_state_with_every_reason_is_said(state, reason, language):
    """To the customer, to support, and to the shop where it is its business; nothing is left to fill in."""
    refund = Refund(state=state, reason=reason, words="soup", item=ITEM if reason == "STRUCK_OUT" else {})
    with translation.override(language):
        for audience in ("customer", "staff", *(() if reason in HIDDEN_FROM_SHOPS else ("merchant",))):
            assert audience in REFUND_REASON[reason]
            said = reason_of(refund, audience)
            assert said
            assert "{" not in said
        for audience in ("customer", "staff"):
            word = REFUND_STATE[state][audience]
            assert "{" not in word.format(channel="Alipay", place=PLACE["ALIPAY"].text)
            assert (word.family, bool(word.icon)) in {("money", True), ("bad", True)}


def test_the_tables_name_exactly_what_can_be():
    assert set(REFUND_REASON) == set(Refund.Reason.values)
    assert set(REFUND_STATE) == set(Refund.State.values)
    assert set(WAY) == set(Refund.Way.values) - {""}


@pytest.mark.parametrize("reason", ["MANUAL", "MERCHANT"])
def test_a_person_who_wrote_nothing_is_still_a_sentence(reason):
    with translation.override("en"):
        assert not reason_of(Refund(reason=reason), "customer").endswith(":")


def reject(order, cast):
    services.reject_order(order.public_id, why="BUSY", words="", actor=as_merchant(cast.bruno))


def strike(order, cast):
    services.strike_out_line(order.public_id, 2, actor=as_merchant(cast.bruno))


def strike_all(order, cast):
    for line in (1, 2):
        services.strike_out_line(order.public_id, line, actor=as_merchant(cast.bruno))


def cancel(order, cast):
    del cast
    services.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)


def cancel_as_support(order, cast):
    services.cancel_order(order.public_id, reason="STAFF", words="The kitchen flooded", actor=as_staff(cast.sam))


def give_back(order, cast):
    walk(fresh(order), "CONFIRMED", cast)
    refund_by_shop(order.public_id, words="It was cold", key="k", actor=as_merchant(cast.bruno))


@pytest.mark.parametrize(
    ("happens", "reason", "says"),
    [
        (cancel, "CUSTOMER", "You cancelled"),
        (reject, "MERCHANT_REJECT", "The shop could not take it"),
        (strike, "STRUCK_OUT", "Dumplings was sold out"),
        (strike_all, "OUT_OF_STOCK", "Sold out"),
        (cancel_as_support, "MANUAL", "From our support: The kitchen flooded"),
        (give_back, "MERCHANT", "From the shop: It was cold"),
    ],
)
def test_each_reason_has_its_road(happens, reason, says, make_order, cast):
    """Late, double and mismatched money have theirs in test_notices.py, keys that ran short too."""
    order = make_order(paid=False)
    pay(order)
    happens(order, cast)
    hear(order, "order.cancelled", "line.struck_out")
    assert Refund.objects.order_by("pk").last().reason == reason
    page = Template("{% load payments %}{% money_panel order %}").render(Context({"order": fresh(order)}))
    assert says in page


def test_several_refunds_tell_their_own_reason_and_amount(make_order, cast):
    order = make_order(paid=False)
    pay(order)
    request_refund(order.public_id, amount_minor=100, reason="MANUAL", words="one", key="1")
    request_refund(order.public_id, amount_minor=200, reason="MANUAL", words="two", key="2")
    page = Template("{% load payments %}{% money_panel order %}").render(Context({"order": fresh(order)}))
    for said in ("Refund of ¥1.00", "Refund of ¥2.00", "From our support: one", "From our support: two"):
        assert said in page
