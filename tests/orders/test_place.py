"""Placing an order: what the server charges, reserves, writes down, and refuses."""

from dataclasses import replace

import pytest
from django.db import connection

from config.ground.problems import Refusal
from notifications.models import Event
from orders import services
from orders.actors import Actor
from orders.models import IdempotencyKey, KeyIssue, Order, OrderLine, Stock
from orders.services import Item, Placement
from tests.conftest import ADDRESS, noodle_items

pytestmark = pytest.mark.django_db


@pytest.fixture
def wanted(noodles):
    return Placement(shop_id=noodles.shop.public_id, items=noodle_items(noodles), method="WECHAT", address=ADDRESS)


def test_charges_what_the_server_says_and_reserves_the_stock(cast, noodles, wanted):
    order = services.place_order(wanted, customer=cast.ana)
    order = Order.objects.get(pk=order.pk)
    assert order.items_minor == 2 * (2600 + 300) + 2200
    assert order.total_minor == order.items_minor + 400
    assert (order.status, order.payment_status, order.version) == ("PENDING", "UNPAID", 1)
    assert Stock.objects.get(product=noodles.dumplings).reserved == 1
    assert [line.name_en for line in order.lines.all()] == ["Beef noodles", "Dumplings"]
    assert order.lines.all()[0].note == "no coriander"
    assert order.recipient["phone"] == ADDRESS["phone"]


def test_writes_one_event_that_holds_nothing_personal(cast, wanted):
    order = services.place_order(wanted, customer=cast.ana)
    event = Event.objects.get(stream=order.stream)
    assert (event.version, event.type) == (1, "order.placed")
    assert event.data["word"] == "PENDING.UNPAID"
    told = str(event.data) + str(event.only)
    assert not any(secret in told for secret in ("Ana", ADDRESS["phone"], "Maple"))


def test_keeps_address_and_notes_sealed_in_the_table(cast, wanted):
    services.place_order(wanted, customer=cast.ana)
    with connection.cursor() as cursor:
        cursor.execute("SELECT o::text || l::text FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id")
        rows = "".join(row[0] for row in cursor.fetchall())
    assert b"Maple".hex() not in rows
    assert b"coriander".hex() not in rows


REFUSED = {
    "an unknown shop": ({"shop_id": "res_unknown"}, "shop_unknown", "restaurantId"),
    "cash is fine but no street": ({"address": {**ADDRESS, "line": " "}}, "required", "address.line"),
    "a shop out of reach": (
        {"address": {**ADDRESS, "location": {"lat": 32.0, "lng": 121.47}}},
        "not_deliverable",
        "address",
    ),
    "a total that moved": ({"expected_minor": 1}, "price_changed", None),
    "an unregistered host": (
        {"notification_url": "https://example.com/hook"},
        "notification_host_unregistered",
        "notificationUrl",
    ),
    "a private address": ({"notification_url": "http://10.0.0.1/x"}, "notification_url_invalid", "notificationUrl"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_and_keeps_nothing(cast, noodles, wanted, case):
    changes, code, field = REFUSED[case]
    _refuses(cast, replace(wanted, **changes), code, field)


def _refuses(cast, placement, code, field):
    with pytest.raises(Refusal) as refused:
        services.place_order(placement, customer=cast.ana)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.detail
    assert not Order.objects.exists()
    assert not Event.objects.filter(stream__startswith="order/").exists()
    assert not Stock.objects.filter(reserved__gt=0).exists()


def test_refuses_an_item_of_another_shop(cast, noodles, grocery, wanted):
    _refuses(cast, replace(wanted, items=[Item(grocery.milk.public_id, 1)]), "product_unknown", "items[0].productId")


def test_refuses_a_product_that_was_switched_off(cast, noodles, wanted):
    services.set_sold_out(noodles.dumplings.public_id, sold_out=True, actor=Actor("merchant"))
    _refuses(cast, wanted, "out_of_stock", "items[1].productId")


def test_refuses_more_than_is_left(cast, noodles, wanted):
    _refuses(cast, replace(wanted, items=[Item(noodles.dumplings.public_id, 21)]), "out_of_stock", "items[0].productId")


def test_refuses_without_the_required_choice(cast, noodles, wanted):
    _refuses(cast, replace(wanted, items=[Item(noodles.beef.public_id, 1)]), "option_required", "items[0].options")


def test_refuses_an_option_of_another_product(cast, noodles, wanted):
    strange = [Item(noodles.dumplings.public_id, 1, (noodles.egg.public_id,))]
    _refuses(cast, replace(wanted, items=strange), "option_unknown", "items[0].options")


def test_refuses_a_closed_shop_and_says_when_it_opens(cast, noodles, wanted):
    noodles.shop.is_open = False
    noodles.shop.save()
    _refuses(cast, wanted, "shop_closed", "restaurantId")


def test_refuses_cash_for_card_keys(cast, keyshop):
    placement = Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 1)], "CASH")
    _refuses(cast, placement, "cash_refused", "paymentMethod")


def test_refuses_too_many_card_keys_and_reserves_none(cast, keyshop):
    placement = Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 21)], "WECHAT")
    _refuses(cast, placement, "out_of_stock", "items[0].productId")
    assert not KeyIssue.objects.exists()


def test_cash_is_due_at_the_door_and_has_no_payment_deadline(cast, wanted):
    order = services.place_order(replace(wanted, method="CASH"), customer=cast.ana)
    assert (order.payment_status, order.expires_at) == ("DUE_ON_DELIVERY", None)


def test_a_guest_is_remembered_by_a_hash_only(noodles, wanted):
    order = services.place_order(wanted, customer=None, guest_secret="a-secret")
    assert order.customer is None
    assert "a-secret" not in order.guest_hash
    assert len(order.guest_hash) == 64


def test_nothing_else_was_written(cast, wanted):
    services.place_order(wanted, customer=cast.ana)
    assert OrderLine.objects.count() == 2
    assert not IdempotencyKey.objects.exists()
