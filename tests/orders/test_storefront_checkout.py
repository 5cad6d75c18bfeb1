"""Checking out: what is asked, what is refused without losing anything, and that two presses are one order."""

import pytest
from django.urls import reverse

from orders.actors import SYSTEM
from orders.models import Order, Product
from orders.services import set_price, set_sold_out
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

TYPED = {"name": "Ana", "phone": "138 0013 2071", "line": "18 Maple Lane, Unit 502", "city": "Shanghai"}


def put(client, shop, product, quantity="1"):
    client.post(reverse("storefront:put", args=[shop.public_id]), {"product": product.public_id, "quantity": quantity})


def form_of(client, shop, **changes):
    """The form as the page shows it, filled in."""
    page = client.get(reverse("storefront:checkout", args=[shop.public_id]))
    basket = page.context["basket"]
    hidden = {
        "key": page.context["key"],
        "digest": basket.digest,
        "expected_deliver": basket.total_minor,
        "expected_collect": basket.items_minor,
    }
    return {**hidden, "how": "deliver", "method": "CASH", **TYPED, **changes}


def press(client, shop, form):
    return client.post(reverse("storefront:checkout", args=[shop.public_id]), form)


@pytest.fixture
def cart(client, noodles):
    put(client, noodles.shop, noodles.dumplings, "2")
    return noodles.shop


def test_guest_places_a_cash_order_and_sees_its_page_and_private_link(client, cart):
    response = press(client, cart, form_of(client, cart, note="Ring twice"))
    order = Order.objects.get()
    assert response.url == reverse("storefront:order", args=[order.public_id])
    assert (order.customer, order.method, order.total_minor) == (None, "CASH", 4800)
    assert order.recipient["phone"] == "13800132071"
    assert order.note == "Ring twice"
    page = client.get(response.url).content.decode()
    assert f"/orders/{order.public_id}/g/" in page
    assert order.guest_hash not in page


def test_signed_in_order_is_the_customers_and_has_no_link(client, cast, cart):
    client.force_login(cast.ana)
    put(client, cart, Product.objects.get(name_en="Dumplings"))
    response = press(client, cart, form_of(client, cart))
    order = Order.objects.get()
    assert (order.customer, order.guest_hash) == (cast.ana, "")
    assert "/g/" not in client.get(response.url).content.decode()


def test_online_payment_leads_to_the_pay_page(client, cart):
    response = press(client, cart, form_of(client, cart, method="WECHAT"))
    assert response.url == reverse("payments:pay", args=[Order.objects.get().public_id])


def test_pressing_twice_is_one_order(client, cart):
    form = form_of(client, cart)
    first, second = press(client, cart, form), press(client, cart, form)
    assert first.url == second.url
    assert Order.objects.count() == 1


def test_same_key_with_other_answers_is_refused(client, cart):
    form = form_of(client, cart)
    press(client, cart, form)
    response = press(client, cart, form | {"line": "1 Other Road"})
    assert response.status_code == 422
    assert "another order" in response.content.decode()
    assert Order.objects.count() == 1


def test_refused_form_keeps_what_was_typed_and_links_to_the_field(client, cart):
    response = press(client, cart, form_of(client, cart, phone="138001", note="Ring twice"))
    text = response.content.decode()
    assert response.status_code == 422
    assert "6 digits given; a mobile number has 11." in text
    assert 'href="#id_phone"' in text
    for kept in ("138001", "Ring twice", TYPED["line"]):
        assert kept in text
    assert not Order.objects.exists()


def test_price_that_changed_is_shown_old_and_new_and_wants_one_more_press(client, noodles, cart):
    form = form_of(client, cart)
    set_price(noodles.dumplings.public_id, price_minor=2500, actor=SYSTEM)
    response = press(client, cart, form)
    text = response.content.decode()
    assert response.status_code == 409
    assert "¥54.00" in text
    assert "was ¥48.00" in text
    again = form | {"expected_deliver": response.context["basket"].total_minor}
    assert press(client, cart, again).status_code == 302
    assert Order.objects.get().total_minor == 5400


def test_price_sent_by_the_browser_is_never_charged(client, cart):
    assert press(client, cart, form_of(client, cart, expected_deliver="1")).status_code == 409
    assert not Order.objects.exists()


def test_good_that_sold_out_is_struck_and_the_order_is_not_placed_silently(client, noodles, grocery, cart):
    Product.objects.filter(pk=noodles.beef.pk).update(is_listed=True)
    form = form_of(client, cart)
    set_sold_out(noodles.dumplings.public_id, sold_out=True, actor=SYSTEM)
    response = press(client, cart, form)
    text = response.content.decode()
    assert response.status_code == 409
    assert 'class="out"' in text
    assert not Order.objects.exists()


def test_too_many_of_a_counted_good_names_how_many_are_left(client, noodles, cart):
    put(client, noodles.shop, noodles.dumplings, "50")
    response = press(client, cart, form_of(client, cart))
    assert response.status_code == 409
    assert "Only 20 of Dumplings are left" in response.content.decode()


def test_cart_that_changed_in_another_window_is_shown_again(client, noodles, cart):
    form = form_of(client, cart)
    put(client, noodles.shop, noodles.dumplings)
    response = press(client, cart, form | {"expected_deliver": 7000})
    assert response.status_code == 409
    assert "changed on another page" in response.content.decode()


def test_closed_shop_keeps_the_cart(client, cart):
    form = form_of(client, cart)
    cart.is_open = False
    cart.save()
    response = press(client, cart, form)
    assert response.status_code == 409
    assert "Your cart is kept" in response.content.decode()
    assert response.context["basket"].lines


def test_collecting_asks_no_street_and_charges_no_delivery(client, cart):
    response = press(client, cart, form_of(client, cart, how="collect", line="", method="WECHAT"))
    assert response.status_code == 302
    order = Order.objects.get()
    assert (order.fulfilment, order.total_minor) == ("COLLECTION", 4400)


def test_card_keys_ask_no_address_and_refuse_cash(client, cast, keyshop):
    client.force_login(cast.ana)
    put(client, keyshop.shop, keyshop.card)
    nothing = dict.fromkeys(TYPED, "")
    page = client.get(reverse("storefront:checkout", args=[keyshop.shop.public_id])).content.decode()
    assert 'name="phone"' not in page
    assert 'name="line"' not in page
    assert 'value="CASH"' not in page
    refused = press(client, keyshop.shop, form_of(client, keyshop.shop, **nothing))
    assert refused.status_code == 422
    assert "Card keys cannot be paid in cash." in refused.content.decode()
    assert press(client, keyshop.shop, form_of(client, keyshop.shop, method="ALIPAY", **nothing)).status_code == 302
    assert Order.objects.get().recipient == {}


def test_a_guest_who_buys_card_keys_leaves_a_number_and_nothing_else(client, keyshop):
    """Their private link asks for its last digits; it is no address, so the next order is asked for one."""
    put(client, keyshop.shop, keyshop.card)
    assert 'name="phone"' in client.get(reverse("storefront:checkout", args=[keyshop.shop.public_id])).text
    for phone, status in (("", 422), ("12345", 422), ("139 0013 2071", 302)):
        wanted = {**dict.fromkeys(TYPED, ""), "phone": phone, "method": "ALIPAY"}
        assert press(client, keyshop.shop, form_of(client, keyshop.shop, **wanted)).status_code == status
    assert Order.objects.get().recipient == {"phone": "13900132071"}
    assert "address" not in client.session


def test_address_is_remembered_sealed(client, noodles, cart):
    press(client, cart, form_of(client, cart))
    assert "Maple" not in str(dict(client.session))
    put(client, noodles.shop, noodles.dumplings)
    page = client.get(reverse("storefront:checkout", args=[cart.public_id])).content.decode()
    assert TYPED["line"] in page
    assert "13800132071" not in page, "the kept number is shown masked"
    response = press(client, cart, form_of(client, cart, where="kept", name="", phone="", line=""))
    assert response.status_code == 302
    assert Order.objects.latest("pk").recipient["line"] == TYPED["line"]


def test_no_folded_field_is_required_by_the_browser(client, cart):
    page = client.get(reverse("storefront:checkout", args=[cart.public_id])).content.decode()
    assert " required" not in page, "the browser would refuse to send a form whose hidden field is empty"


def test_account_remembers_the_address_of_its_last_order(client, cast, make_order):
    order = make_order("COMPLETED")
    client.force_login(cast.ana)
    put(client, order.shop, Product.objects.get(name_en="Dumplings"))
    page = client.get(reverse("storefront:checkout", args=[order.shop.public_id])).content.decode()
    assert order.recipient["line"] in page


def test_empty_cart_has_nothing_to_check_out(client, noodles):
    url = reverse("storefront:shop", args=[noodles.shop.public_id])
    assert client.get(reverse("storefront:checkout", args=[noodles.shop.public_id])).url == url


def test_address_page_keeps_the_address_for_this_visit(client, noodles):
    assert client.post(reverse("storefront:address"), {"line": "x"}).status_code == 422
    assert client.post(reverse("storefront:address"), TYPED).status_code == 302
    assert TYPED["line"] in client.get(reverse("storefront:home")).content.decode()


def test_form_needs_its_token(cast, noodles):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    assert strict.post(reverse("storefront:checkout", args=[noodles.shop.public_id]), {}).status_code == 403
    assert PASSWORD
