"""What happens by itself (no answer, stock told live), how often one may ask, and that no word is missing."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import translation

from config.ground import clock
from notifications.log import Heard
from notifications.models import Event
from orders import handlers, services, words
from orders.actors import as_merchant
from orders.models import ApiKey, Order
from orders.order.states import CancelReason, PaymentStatus, RejectKind
from orders.services import Item, Placement
from orders.tasks import reject_unanswered_orders
from tests.conftest import ADDRESS

pytestmark = pytest.mark.django_db


def test_an_order_nobody_answers_is_rejected_by_itself(make_order):
    late, fresh = make_order("PENDING"), make_order("PENDING")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET answer_by = now() - interval '1 s' WHERE id = %s", [late.pk])
    assert reject_unanswered_orders() == 1
    late = Order.objects.get(pk=late.pk)
    assert (late.status, late.cancel_reason, late.cancel_detail) == ("CANCELLED", "MERCHANT_REJECTED", "NO_ANSWER")
    assert Order.objects.get(pk=fresh.pk).status == "PENDING"
    assert reject_unanswered_orders() == 0


def test_the_answer_deadline_starts_when_the_money_is_there(make_order, settings):
    order = make_order("PENDING", paid=False)
    assert order.answer_by is None
    paid = services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")
    assert abs(paid.answer_by - clock.now() - timedelta(minutes=settings.ANSWER_MINUTES)) < timedelta(seconds=5)


def heard(event):
    return Heard(
        event.position or 1, event.stream, event.version, event.type, event.data, event.only,
        event.actor, event.account, event.at, event.traceparent,
    )  # fmt: skip


def test_screens_hear_what_is_left_of_scarce_goods(cast, noodles):
    placement = Placement(noodles.shop.public_id, [Item(noodles.dumplings.public_id, 17)], "WECHAT", ADDRESS)
    order = services.place_order(placement, customer=cast.ana)
    handlers.tell_stock(heard(Event.objects.get(stream=order.stream)))
    told = Event.objects.get(stream=f"shop/{noodles.shop.public_id}")
    assert told.data == {"product": noodles.dumplings.public_id, "soldOut": False, "left": 3}


def test_a_full_shelf_is_not_worth_a_word(cast, noodles):
    placement = Placement(noodles.shop.public_id, [Item(noodles.dumplings.public_id, 1)], "WECHAT", ADDRESS)
    order = services.place_order(placement, customer=cast.ana)
    handlers.tell_stock(heard(Event.objects.get(stream=order.stream)))
    assert not Event.objects.filter(stream__startswith="shop/").exists()


def test_one_tap_is_told_to_everybody_in_order(cast, noodles):
    bruno = as_merchant(cast.bruno)
    services.set_sold_out(noodles.dumplings.public_id, sold_out=True, actor=bruno)
    services.set_sold_out(noodles.dumplings.public_id, sold_out=False, actor=bruno)
    services.set_price(noodles.dumplings.public_id, price_minor=2400, actor=bruno)
    events = Event.objects.filter(stream=f"shop/{noodles.shop.public_id}").order_by("version")
    assert [(event.version, event.type) for event in events] == [
        (1, "stock.sold_out"),
        (2, "stock.back"),
        (3, "price.changed"),
    ]


def test_asking_too_fast_is_refused_with_the_seconds_to_wait(cast, settings):
    settings.API_LIMITS = {"read": (6, 2), "write": (6, 2)}
    key = {"X-Api-Key": ApiKey.issue(cast.mallory, "fast")[1]}
    answers = [Client().get("/api/v1/orders", headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert json.loads(answers[2].content)["code"] == "too_many"
    assert int(answers[2]["Retry-After"]) >= 1


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_audience_has_a_word_for_every_state(language):
    with translation.override(language):
        for table in (words.STATUS, words.CANCEL):
            for key, said in table.items():
                assert set(said) == set(words.AUDIENCES), key
                assert all(word.text for word in said.values()), key
        assert set(words.PAYMENT) == set(PaymentStatus.values)


def test_every_reason_to_cancel_has_its_words():
    reasons = {reason for reason in CancelReason.values if reason != "MERCHANT_REJECTED"}
    rejections = {f"MERCHANT_REJECTED.{kind}" for kind in RejectKind.values}
    assert set(words.CANCEL) == reasons | rejections


@pytest.mark.parametrize("returned", [100, None])
def test_an_order_that_money_went_back_for_is_answered_or_rejected_like_any_other(make_order, returned):
    """A line struck out (or a return by hand) before the shop answered leaves nobody waiting for ever."""
    order = make_order("PENDING")
    services.record_return(order.public_id, amount_minor=returned or order.total_minor)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET answer_by = now() - interval '1 s' WHERE id = %s", [order.pk])
    assert reject_unanswered_orders() == 1
    assert Order.objects.get(pk=order.pk).status == "CANCELLED"
