"""Choosing: the home page, search, a menu, options, the cart. Every promise through the page's own address."""

from datetime import time

import pytest
from django.urls import reverse

from orders.actors import SYSTEM
from orders.models import OpeningHours, Option, Product
from orders.services import set_sold_out
from tests.conftest import make_shop

pytestmark = pytest.mark.django_db


def home(client, **query):
    return client.get(reverse("storefront:home"), query).content.decode()


def put(client, shop, product, quantity="1"):
    return client.post(
        reverse("storefront:put", args=[shop.public_id]), {"product": product.public_id, "quantity": quantity}
    )


def cart_of(client, shop):
    return client.get(reverse("storefront:cart", args=[shop.public_id])).context["basket"]


def choose(client, noodles, **changes):
    spice, extra = noodles.beef.groups.all()
    form = {f"group-{spice.pk}": noodles.mild.public_id, f"group-{extra.pk}": noodles.egg.public_id, "quantity": "2"}
    return client.post(
        reverse("storefront:product", args=[noodles.shop.public_id, noodles.beef.public_id]), form | changes
    )


def test_home_shows_the_three_trades_with_their_shops(client, noodles, grocery, keyshop):
    text = home(client)
    assert noodles.shop.name in text
    assert grocery.shop.name in text
    assert keyshop.card.name in text, "card keys are listed by product"


def test_search_finds_a_shop_by_its_goods_in_either_language(client, noodles, grocery):
    assert noodles.shop.name in home(client, q="dumpling")
    assert grocery.shop.name not in home(client, q="dumpling")
    assert noodles.shop.name in home(client, q="Dumplings（中")
    assert "Nothing found" in home(client, q="tractor")


def test_trade_shows_only_its_own_shops_and_an_unknown_trade_shows_all(client, noodles, grocery):
    assert grocery.shop.name not in home(client, trade="MEAL")
    assert grocery.shop.name in home(client, trade="NONSENSE")


def test_closed_shops_stay_visible_but_last_and_say_when_they_open(client, cast, noodles):
    shut = make_shop("MEAL", cast.dana, name_en="Aardvark Diner", name_zh="土豚小馆")
    shut.is_open = False
    shut.save()
    text = home(client)
    assert text.index(noodles.shop.name) < text.index("Aardvark Diner")
    assert "Closed now" in text


def test_closed_shop_says_when_it_opens(client, noodles, settings, monkeypatch):
    for weekday in range(7):
        OpeningHours.objects.create(shop=noodles.shop, weekday=weekday, opens_at=time(3, 7), closes_at=time(3, 8))
    response = client.get(reverse("storefront:shop", args=[noodles.shop.public_id]))
    assert response.status_code == 200
    if not response.context["card"].is_open:
        assert "03:07" in response.content.decode()


@pytest.mark.parametrize("name", ["shop", "cart", "checkout"])
def test_unlisted_and_unknown_shops_are_not_found(client, noodles, name):
    noodles.shop.is_listed = False
    noodles.shop.save()
    assert client.get(reverse(f"storefront:{name}", args=[noodles.shop.public_id])).status_code == 404
    assert client.get(reverse(f"storefront:{name}", args=["res_nothing"])).status_code == 404


def test_product_of_another_shop_is_not_found(client, noodles, grocery):
    where = [noodles.shop.public_id, grocery.milk.public_id]
    assert client.get(reverse("storefront:product", args=where)).status_code == 404
    assert put(client, noodles.shop, grocery.milk).status_code == 404


def test_puts_one_good_into_the_cart_and_counts_on(client, noodles):
    put(client, noodles.shop, noodles.dumplings)
    put(client, noodles.shop, noodles.dumplings)
    basket = cart_of(client, noodles.shop)
    assert [(line.product, line.quantity) for line in basket.lines] == [(noodles.dumplings, 2)]
    assert basket.items_minor == 4400
    assert basket.total_minor == 4800


def test_good_with_a_required_choice_leads_to_its_page(client, noodles):
    response = put(client, noodles.shop, noodles.beef)
    assert response.url == reverse("storefront:product", args=[noodles.shop.public_id, noodles.beef.public_id])
    assert not cart_of(client, noodles.shop).lines


def test_choice_with_options_is_one_line_with_its_price(client, noodles):
    assert choose(client, noodles, note="no coriander").status_code == 302
    (line,) = cart_of(client, noodles.shop).lines
    assert line.unit_minor == 2900
    assert line.total_minor == 5800
    assert line.note == "no coriander"
    assert {option.name for option in line.options} == {"Mild", "Extra egg"}


def test_missing_choice_is_named_in_its_place_and_nothing_is_lost(client, noodles):
    spice = noodles.beef.groups.get(name_en="Spice")
    response = choose(client, noodles, **{f"group-{spice.pk}": [], "note": "well done"})
    assert response.status_code == 422
    text = response.content.decode()
    assert "Choose Spice." in text
    assert "well done" in text
    assert not cart_of(client, noodles.shop).lines


@pytest.mark.parametrize("quantity", ["0", "-1", "100", "1000000000", "x", "", "1.5", "٣"])
def test_quantities_that_are_none_are_refused(client, noodles, quantity):
    assert put(client, noodles.shop, noodles.dumplings, quantity).status_code == 422
    assert choose(client, noodles, quantity=quantity).status_code in {302, 422}
    assert all(1 <= line.quantity <= 99 for line in cart_of(client, noodles.shop).lines)


def test_stepper_sets_the_quantity_and_zero_takes_out(client, noodles):
    put(client, noodles.shop, noodles.dumplings)
    (line,) = cart_of(client, noodles.shop).lines
    url = reverse("storefront:set", args=[noodles.shop.public_id])
    client.post(url, {"line": line.key, "quantity": "7"})
    assert cart_of(client, noodles.shop).lines[0].quantity == 7
    assert client.post(url, {"line": line.key, "quantity": "-3"}).status_code == 422
    client.post(url, {"line": line.key, "quantity": "0"})
    assert not cart_of(client, noodles.shop).lines


def test_redirect_after_a_change_never_leaves_this_site(client, noodles):
    put(client, noodles.shop, noodles.dumplings)
    url = reverse("storefront:set", args=[noodles.shop.public_id])
    response = client.post(url, {"line": "x", "quantity": "1", "next": "https://evil.example/"})
    assert response.url == reverse("storefront:shop", args=[noodles.shop.public_id])


def test_script_gets_only_the_parts_that_changed(client, noodles):
    url = reverse("storefront:put", args=[noodles.shop.public_id])
    here = "http://testserver" + reverse("storefront:shop", args=[noodles.shop.public_id])
    response = client.post(
        url,
        {"product": noodles.dumplings.public_id, "quantity": "1"},
        headers={"HX-Request": "true", "HX-Current-URL": here},
    )
    text = response.content.decode()
    assert "<html" not in text
    assert f'id="foot-{noodles.dumplings.public_id}" hx-swap-oob="true"' in text
    assert 'id="cart"' in text


def test_sold_out_good_cannot_be_put_in_and_one_in_the_cart_is_not_charged(client, noodles):
    put(client, noodles.shop, noodles.dumplings)
    set_sold_out(noodles.dumplings.public_id, sold_out=True, actor=SYSTEM)
    basket = cart_of(client, noodles.shop)
    assert basket.lines[0].problem == "gone"
    assert (basket.items_minor, basket.ordered) == (0, ())
    assert put(client, noodles.shop, noodles.dumplings).status_code == 302
    page = client.get(reverse("storefront:shop", args=[noodles.shop.public_id])).content.decode()
    assert "Sold out" in page


def test_option_that_vanished_asks_to_choose_again(client, noodles):
    choose(client, noodles)
    Option.objects.filter(pk=noodles.egg.pk).delete()
    (line,) = cart_of(client, noodles.shop).lines
    assert line.problem == "choose"
    assert not line.is_ordered


def test_price_of_a_choice_is_calculated_by_the_server(client, noodles):
    url = reverse("storefront:price", args=[noodles.shop.public_id, noodles.beef.public_id])
    extra = noodles.beef.groups.get(name_en="Extras")
    text = client.get(url, {f"group-{extra.pk}": noodles.egg.public_id, "quantity": "3"}).content.decode()
    assert text == "¥87.00"


def test_menu_asks_the_database_no_more_often_for_more_goods(client, noodles, django_assert_max_num_queries):
    url = reverse("storefront:shop", args=[noodles.shop.public_id])
    client.get(url)
    for number in range(30):
        Product.objects.create(
            shop=noodles.shop, category=noodles.beef.category, name_en=f"Dish {number}", name_zh="菜", price_minor=100
        )
    with django_assert_max_num_queries(14):
        client.get(url)
