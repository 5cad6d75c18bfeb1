"""One order's page and its three questions: reject, call off, strike out; each says what goes back."""

import pytest

from orders import services
from orders.actors import as_merchant
from orders.models import Order, Product, Shop
from orders.order.road import WrongMoment
from orders.services import Item
from orders.services.refusals import Required

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def bruno(client, cast):
    client.force_login(cast.bruno)
    return client


def page(order, part=""):
    return f"/merchant/{order.shop.public_id}/orders/{order.public_id}/{part}"


def test_shows_lines_money_and_what_happened(bruno, make_order):
    order = make_order("PREPARING")
    html = bruno.get(page(order)).content.decode()
    for words in ("Beef noodles", "Mild · Extra egg", "¥84.00", "Shop accepted", "Bruno", "Cancel order…"):
        assert words in html


@pytest.mark.parametrize("part", ["reject/", "call-off/", "lines/1/sold-out/"])
def test_each_question_is_a_page_of_its_own_with_the_amount(bruno, make_order, part):
    order = make_order("PENDING" if part == "reject/" else "PREPARING")
    html = bruno.get(page(order, part)).content.decode()
    assert "data-dialog-content" in html
    assert "¥58.00 goes back" in html if "lines" in part else "¥84.00" in html


@pytest.mark.parametrize("why", ["SOLD_OUT", "BUSY", "CLOSING", "TOO_FAR"])
def test_rejects_with_a_reason(bruno, noodles, make_order, why):
    order = make_order("PENDING")
    answer = bruno.post(page(order, "reject/"), {"why": why})
    assert answer["Location"] == f"/merchant/{noodles.shop.public_id}/"
    order.refresh_from_db()
    assert (order.status, order.cancel_reason, order.cancel_detail) == ("CANCELLED", "MERCHANT_REJECTED", why)
    assert Shop.objects.get(pk=noodles.shop.pk).is_open is (why != "CLOSING")


def test_rejecting_under_htmx_takes_the_ticket_off(bruno, make_order):
    order = make_order("PENDING")
    answer = bruno.post(page(order, "reject/"), {"why": "BUSY", "back": "board", "pause": "1"}, **HTMX)
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == (f"#t-{order.public_id}", "delete")
    assert Shop.objects.get(pk=order.shop_id).paused_until is not None


@pytest.mark.parametrize("form", [{}, {"why": "WEATHER"}, {"why": "OTHER"}, {"why": "OTHER", "words": "  "}])
@pytest.mark.parametrize(("part", "status"), [("reject/", "PENDING"), ("call-off/", "PREPARING")])
def test_a_question_without_a_whole_answer_is_asked_again(bruno, make_order, part, status, form):
    order = make_order(status)
    answer = bruno.post(page(order, part), form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    order.refresh_from_db()
    assert order.status == status


def test_keeps_what_was_typed(bruno, make_order):
    order = make_order("PENDING")
    html = bruno.post(page(order, "reject/"), {"why": "", "words": "Our stove broke."}).content.decode()
    assert "Our stove broke." in html


def test_rejecting_too_late_says_so_on_the_ticket(bruno, make_order):
    order = make_order("CONFIRMED")
    answer = bruno.post(page(order, "reject/"), {"why": "BUSY", "back": "board"}, **HTMX)
    assert answer.status_code == 409
    assert "Accepted, not started" in answer.content.decode()


CALLED_OFF = {
    "SOLD_OUT": ("SOLD_OUT", ""),
    "BUSY": ("MERCHANT_REJECTED", "BUSY"),
    "OTHER": ("MERCHANT_REJECTED", "OTHER"),
}


@pytest.mark.parametrize("why", CALLED_OFF)
@pytest.mark.parametrize("status", ["CONFIRMED", "PREPARING", "READY"])
def test_calls_an_accepted_order_off(bruno, make_order, status, why):
    order = make_order(status)
    bruno.post(page(order, "call-off/"), {"why": why, "words": "Our stove broke."})
    order.refresh_from_db()
    assert (order.status, order.cancel_reason, order.cancel_detail) == ("CANCELLED", *CALLED_OFF[why])
    assert order.cancel_words == "Our stove broke."


@pytest.mark.parametrize("status", ["PENDING", "ON_DELIVERY", "COMPLETED", "CANCELLED"])
def test_calling_off_is_for_accepted_orders_in_the_shop_only(cast, make_order, status):
    order = make_order(status)
    with pytest.raises(WrongMoment):
        services.call_off_order(order.public_id, why="BUSY", actor=as_merchant(cast.bruno))


def test_something_else_wants_words(cast, make_order):
    order = make_order("PREPARING")
    with pytest.raises(Required):
        services.call_off_order(order.public_id, why="OTHER", words=" ", actor=as_merchant(cast.bruno))


def test_strikes_out_some_of_a_line_and_takes_the_good_off_sale(bruno, cast, noodles, make_order):
    order = make_order("PREPARING")
    bruno.post(page(order, "lines/1/sold-out/"), {"quantity": "1", "off_sale": "1"})
    order.refresh_from_db()
    assert (order.struck_minor, order.lines.get(line_no=1).struck_quantity) == (2900, 1)
    assert Product.objects.get(pk=noodles.beef.pk).is_sold_out
    html = bruno.get(page(order)).content.decode()
    assert "¥29.00 goes back" in html
    assert "1 of it struck out" in html


@pytest.mark.parametrize("quantity", ["0", "3", "-1", "x", "1e9", "99999999999999999999"])
def test_refuses_a_quantity_that_the_line_has_not(bruno, make_order, quantity):
    order = make_order("PREPARING")
    answer = bruno.post(page(order, "lines/1/sold-out/"), {"quantity": quantity})
    assert answer.status_code in {404, 422}
    order.refresh_from_db()
    assert order.struck_minor == 0


def test_all_lines_struck_out_cancels_as_sold_out(bruno, cast, make_order, noodles):
    order = make_order("PREPARING", items=[Item(noodles.dumplings.public_id, 1)])
    bruno.post(page(order, "lines/1/sold-out/"), {"quantity": "1"})
    assert Order.objects.get(pk=order.pk).cancel_reason == "SOLD_OUT"


def test_a_stranger_asks_none_of_the_questions(client, cast, make_order):
    order = make_order("PENDING")
    client.force_login(cast.mallory)
    for part in ("", "reject/", "call-off/", "lines/1/sold-out/"):
        assert client.get(page(order, part)).status_code == 404
        assert client.post(page(order, part), {"why": "BUSY", "quantity": "1"}).status_code == 404
    assert Order.objects.get(pk=order.pk).status == "PENDING"


def test_ready_of_a_warehouse_says_why_it_waits(client, cast, grocery, make_order):
    items = [Item(grocery.milk.public_id, 1), Item(grocery.bread.public_id, 1)]
    order = make_order("CONFIRMED", items=items, shop_id=grocery.shop.public_id)
    client.force_login(cast.chen)
    assert "Ready unlocks when 2 more items are picked or struck out." in client.get(page(order)).content.decode()
    answer = client.post(page(order, "start/"), {"back": "order"})
    answer = client.post(page(order, "ready/"), {"back": "order"})
    assert answer.status_code == 409
    assert "2 items are not picked" in answer.content.decode()
