"""The picker: walking order, one thing at a time, scanning, what is not there, and only then Ready."""

import re

import pytest

from orders import services
from orders.actors import SYSTEM
from orders.models import Order, Product
from orders.picking import walk
from orders.services import Item

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def order(grocery, make_order):
    items = [Item(grocery.milk.public_id, 2), Item(grocery.bread.public_id, 3)]
    return make_order("CONFIRMED", items=items, shop_id=grocery.shop.public_id)


@pytest.fixture
def chen(client, cast):
    client.force_login(cast.chen)
    return client


def screen(order, verb=""):
    return f"/warehouse/{order.shop.public_id}/{order.public_id}/{verb}"


def line(order, number):
    return order.lines.get(line_no=number)


def test_lists_the_orders_to_pick(chen, grocery, order):
    html = chen.get(f"/warehouse/{grocery.shop.public_id}/").content.decode()
    assert f"#{order.number}" in html
    assert "0 of 2 picked" in html


def test_walks_shelf_by_shelf_and_takes_cold_things_last(order):
    path = walk(order.lines.select_related("product"))
    assert [line.name_en for line in path.lines] == ["Bread", "Whole milk"]
    assert path.now.name_en == "Bread"


def test_shows_shelf_quantity_and_the_end_of_the_barcode(chen, order):
    html = chen.get(screen(order)).content.decode()
    for words in ("A-02-3", "3 ×", "…0024", "Picked 3", "Only 2 there", "None"):
        assert words in html
    assert 'aria-valuenow="0"' in html


def test_picked_goes_on_to_the_next_line_and_starts_the_preparing(chen, order):
    answer = chen.post(screen(order, "picked/"), {"line": "2"})
    assert answer["Location"] == screen(order)
    order.refresh_from_db()
    assert (order.status, line(order, 2).state) == ("PREPARING", "PICKED")
    assert "C-01-1" in chen.get(screen(order)).content.decode()


def test_scanning_the_right_thing_is_picking(chen, order):
    chen.post(screen(order, "picked/"), {"line": "2", "barcode": "6900000000024"})
    assert line(order, 2).state == "PICKED"


@pytest.mark.parametrize(
    ("barcode", "found"),
    [("6900000000017", "Whole milk"), ("4000000000000", "4000000000000")],
    ids=["other", "unknown"],
)
def test_scanning_another_thing_says_what_it_is(chen, order, barcode, found):
    answer = chen.post(screen(order, "picked/"), {"line": "2", "barcode": barcode}, **HTMX)
    assert answer.status_code == 422
    assert f"This is {found}, not Bread." in answer.content.decode()
    assert line(order, 2).state == "OPEN"


def test_only_so_many_strikes_out_the_rest_and_picks_them(chen, order):
    chen.post(screen(order, "only/"), {"line": "2", "there": "1"})
    bread = line(order, 2)
    order.refresh_from_db()
    assert (bread.state, bread.struck_quantity, order.struck_minor) == ("PICKED", 2, 1800)


@pytest.mark.parametrize("there", ["3", "7", "-1", "x"])
def test_only_more_than_wanted_changes_nothing(chen, order, there):
    assert chen.post(screen(order, "only/"), {"line": "2", "there": there}).status_code in {404, 422}
    assert (line(order, 2).state, line(order, 2).struck_quantity) == ("OPEN", 0)


def test_none_strikes_the_line_out(chen, order):
    chen.post(screen(order, "none/"), {"line": "2"})
    assert line(order, 2).state == "STRUCK"


def test_ready_only_when_everything_is_settled(chen, order):
    chen.post(screen(order, "picked/"), {"line": "2"})
    answer = chen.post(screen(order, "ready/"))
    assert answer.status_code == 409
    assert "1 items are not picked" in answer.content.decode()
    chen.post(screen(order, "picked/"), {"line": "1"})
    assert "Everything is in the bag" in chen.get(screen(order)).content.decode()
    answer = chen.post(screen(order, "ready/"))
    assert answer["Location"] == f"/warehouse/{order.shop.public_id}/"
    assert Order.objects.get(pk=order.pk).status == "READY"


def test_another_line_can_be_picked_first(chen, order):
    html = chen.get(screen(order) + "?line=1").content.decode()
    assert re.search(r'class="spot">C-01-1', html)


def test_a_press_with_htmx_answers_the_next_thing(chen, order):
    html = chen.post(screen(order, "picked/"), {"line": "2"}, **HTMX).content.decode()
    assert "<html" not in html
    assert "C-01-1" in html


def test_a_cancelled_order_stops_the_picker(chen, order):
    services.cancel_order(order.public_id, reason="STAFF", words="the customer called", actor=SYSTEM)
    html = chen.get(screen(order)).content.decode()
    assert "Put everything back; there is nothing to send." in html
    assert "data-scan" not in html
    answer = chen.post(screen(order, "picked/"), {"line": "2"})
    assert answer.status_code == 409


@pytest.mark.parametrize("name", ["mallory", "bruno", "ana", "sam"])
def test_is_not_there_for_people_of_other_shops(client, cast, order, name):
    client.force_login(getattr(cast, name))
    assert client.get(screen(order)).status_code == 404
    assert client.get(f"/warehouse/{order.shop.public_id}/").status_code == 404
    for verb in ("picked", "only", "none", "ready"):
        assert client.post(screen(order, f"{verb}/"), {"line": "2", "there": "1"}).status_code == 404
    assert line(order, 2).state == "OPEN"


@pytest.mark.parametrize("number", ["", "9", "x", "-1"])
def test_knows_no_other_lines(chen, order, number):
    assert chen.post(screen(order, "picked/"), {"line": number}).status_code == 404


def test_finds_a_product_of_the_shop_by_its_barcode_only(chen, order, noodles):
    """A code of another shop's product is told as the code, not as that shop's product."""
    Product.objects.filter(pk=noodles.dumplings.pk).update(barcode="6911111111111")
    answer = chen.post(screen(order, "picked/"), {"line": "2", "barcode": "6911111111111"})
    assert "This is 6911111111111, not Bread." in answer.content.decode()
