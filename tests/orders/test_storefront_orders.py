"""The customer's orders: who sees them, what the page says in each state, the private link, cancelling, keys."""

import re

import pytest
from django.urls import reverse

from orders import services
from orders.actors import SYSTEM, as_merchant
from orders.models import KeyReveal, Order
from orders.services import Item, Placement
from tracking.models import Rider

pytestmark = pytest.mark.django_db

PANELS = ("hero", "courier", "timeline", "lines", "money", "keys", "actions")


def url(name, order, *more):
    return reverse(f"storefront:{name}", args=[order.public_id, *more])


@pytest.fixture
def ana(client, cast):
    client.force_login(cast.ana)
    return client


@pytest.fixture
def keys_order(cast, keyshop):
    placement = Placement(
        shop_id=keyshop.shop.public_id, items=[Item(keyshop.card.public_id, 2)], method="ALIPAY", address={}
    )
    order = services.place_order(placement, customer=cast.ana)
    return services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="ALIPAY")


@pytest.mark.parametrize("who", ["mallory", "bruno", "guest"])
def test_order_of_somebody_else_is_not_found_on_any_address(client, cast, make_order, who):
    order = make_order("CONFIRMED")
    if who != "guest":
        client.force_login(getattr(cast, who))
    assert client.get(url("order", order)).status_code == 404
    assert client.get(url("cancel", order)).status_code == 404
    assert client.post(url("cancel", order)).status_code == 404
    assert client.post(url("again", order)).status_code == 404
    assert client.post(url("key", order, 1, 1)).status_code == 404
    for panel in PANELS:
        assert client.get(url("panel", order, panel)).status_code == 404
    assert order.shop.name not in client.get(reverse("storefront:orders")).content.decode()
    assert Order.objects.get().status == "CONFIRMED"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("PENDING", "Paid, waiting for the shop"),
        ("CONFIRMED", "Shop accepted"),
        ("PREPARING", "is cooking it now"),
        ("READY", "A rider is being found"),
        ("ON_DELIVERY", "on the way to you"),
        ("COMPLETED", "Handed over at your door"),
        ("CANCELLED", "You cancelled"),
    ],
)
def test_page_says_what_is_going_on_in_every_state(ana, make_order, status, words):
    response = ana.get(url("order", make_order(status)))
    text = response.content.decode()
    assert words in text
    assert "no-store" in response["Cache-Control"]
    assert f'data-live-version="{Order.objects.get().version}"' in text


def test_every_panel_is_a_part_of_the_page_and_no_other_name_is_one(ana, make_order):
    order = make_order("CONFIRMED")
    for panel in PANELS:
        response = ana.get(url("panel", order, panel))
        assert response.status_code == 200
        assert "<html" not in response.content.decode()
    assert ana.get(url("panel", order, "secret")).status_code == 404


def test_door_code_is_shown_only_on_the_way(ana, make_order, cast):
    Rider.objects.create(user=cast.ravi, is_on_duty=True)
    order = make_order("READY")
    Order.objects.filter(pk=order.pk).update(door_code="9417")
    assert "9417" not in ana.get(url("order", order)).content.decode()
    services.assign_carrier(order.public_id, carrier=cast.ravi, actor=SYSTEM)
    assert "9417" not in ana.get(url("order", order)).content.decode()
    services.pick_up(order.public_id, carrier=cast.ravi, actor=SYSTEM)
    assert "9417" in ana.get(url("order", order)).content.decode()


def test_struck_out_line_is_shown_with_what_it_takes_off(ana, make_order, cast):
    order = make_order("PREPARING")
    services.strike_out_line(order.public_id, 2, actor=as_merchant(cast.bruno))
    text = ana.get(url("order", order)).content.decode()
    assert 'class="out">Dumplings' in text
    assert "¥22.00 less to pay" in text


def test_timeline_tells_what_happened_in_order_and_what_comes(ana, make_order):
    text = ana.get(url("panel", make_order("PREPARING"), "timeline")).content.decode()
    told = re.findall(r'class="what">([^<]+)', text)
    assert told == ["Order placed", "Paid", "Shop accepted", "Started", "Delivered"]
    assert "Said 15 minutes" in text


def test_page_works_without_script_and_holds_no_inline_script_or_style(ana, make_order):
    text = ana.get(url("order", make_order("CONFIRMED"))).content.decode()
    assert "Refresh</a>" in text
    assert " style=" not in text
    assert not re.search(r"\son[a-z]+=", text)
    assert set(re.findall(r"<script(?![^>]*(?:src=|application/json|importmap))", text)) == set()


def test_customer_cancels_a_paid_order_and_is_told_what_comes_back(ana, make_order):
    order = make_order("CONFIRMED")
    page = ana.get(url("cancel", order)).content.decode()
    assert f"¥{order.paid_minor / 100:.2f}" in page
    assert ana.post(url("cancel", order)).url == url("order", order)
    assert Order.objects.get().cancel_reason == "CUSTOMER"
    assert "You get all of it back" in ana.get(url("order", order)).content.decode()


def test_cancelling_after_the_kitchen_began_is_refused_with_its_sentence(ana, make_order):
    order = make_order("PREPARING")
    assert ana.get(url("cancel", order)).url == url("order", order)
    response = ana.post(url("cancel", order))
    assert response.status_code == 409
    assert "already started" in response.content.decode()
    assert Order.objects.get().status == "PREPARING"


def test_looking_at_the_cancel_page_cancels_nothing(ana, make_order):
    order = make_order("CONFIRMED")
    ana.get(url("cancel", order))
    assert Order.objects.get().status == "CONFIRMED"


def test_private_link_opens_the_order_and_a_wrong_one_does_not(client, noodles):
    placement = Placement(
        shop_id=noodles.shop.public_id,
        items=[Item(noodles.dumplings.public_id, 1)],
        method="CASH",
        address={"name": "Guest", "phone": "13800132071", "line": "1 Road"},
    )
    order = services.place_order(placement, customer=None, guest_secret="s3cret-of-the-link")
    assert client.get(url("guest", order, "wrong")).status_code == 404
    assert client.get(url("order", order)).status_code == 404
    assert client.get(url("guest", order, "s3cret-of-the-link")).url == url("door", order)
    assert client.get(url("order", order)).status_code == 404, "the digits are asked for first"
    assert client.post(url("door", order), {"digits": "2071"}).url == url("order", order)
    text = client.get(url("order", order)).content.decode()
    assert "s3cret-of-the-link" in text, "the page shows the private link"
    assert "s3cret-of-the-link" not in str(dict(client.session))


def test_account_order_has_no_private_link_at_all(client, make_order):
    order = make_order("CONFIRMED")
    for secret in ("", "x", "None"):
        assert client.get(f"/orders/{order.public_id}/g/{secret or '%20'}/").status_code == 404


def test_keys_are_never_in_the_page_before_somebody_presses_show(ana, keys_order):
    assert keys_order.status == "COMPLETED"
    page = ana.get(url("order", keys_order))
    assert "MUSIC-" not in page.content.decode()
    assert "2 keys, ready" in page.content.decode()
    shown = ana.post(url("key", keys_order, 1, 1))
    assert "MUSIC-" in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert KeyReveal.objects.count() == 1
    assert "first shown " in ana.get(url("panel", keys_order, "keys")).content.decode()
    assert "MUSIC-" not in ana.get(url("panel", keys_order, "keys")).content.decode()


def test_showing_a_key_by_script_swaps_one_card_that_hides_itself(ana, keys_order):
    text = ana.post(url("key", keys_order, 1, 2), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in text
    assert "load delay:300s" in text
    hidden = ana.get(url("key", keys_order, 1, 2), headers={"HX-Request": "true"}).content.decode()
    assert "MUSIC-" not in hidden


def test_keys_of_somebody_else_or_not_yet_issued_are_not_found(client, cast, keys_order, make_order):
    client.force_login(cast.mallory)
    assert client.post(url("key", keys_order, 1, 1)).status_code == 404
    client.force_login(cast.ana)
    assert client.post(url("key", keys_order, 1, 3)).status_code == 404
    assert client.post(url("key", keys_order, 9, 1)).status_code == 404
    assert not KeyReveal.objects.exists()


def test_list_shows_running_first_then_twenty_a_page(ana, make_order, noodles):
    items = [Item(noodles.dumplings.public_id, 1)]
    noodles.dumplings.stock.on_hand = 100
    noodles.dumplings.stock.save()
    running = make_order("CONFIRMED", items=items)
    ended = [make_order("CANCELLED", items=items) for _ in range(23)]
    response = ana.get(reverse("storefront:orders"))
    assert [facts.order for facts in response.context["running"]] == [running]
    assert [facts.order for facts in response.context["ended"]] == ended[::-1][:20]
    more = response.context["more"]
    rest = ana.get(reverse("storefront:orders"), {"before": more})
    assert [facts.order for facts in rest.context["ended"]] == ended[::-1][20:]
    assert not rest.context["running"]
    assert rest.context["more"] == ""


def test_cursor_of_another_persons_order_or_of_none_is_harmless(ana, make_order):
    make_order("CANCELLED")
    assert ana.get(reverse("storefront:orders"), {"before": "ord_nothing"}).status_code == 200


def test_order_the_same_again_fills_the_cart(ana, make_order, noodles):
    order = make_order("CANCELLED")
    assert ana.post(url("again", order)).url == reverse("storefront:shop", args=[noodles.shop.public_id])
    basket = ana.get(reverse("storefront:cart", args=[noodles.shop.public_id])).context["basket"]
    assert [(line.product.name, line.quantity, line.problem) for line in basket.lines] == [
        ("Beef noodles", 2, ""),
        ("Dumplings", 1, ""),
    ]


def test_home_shows_the_running_order(ana, make_order):
    order = make_order("CONFIRMED")
    assert url("order", order) in ana.get(reverse("storefront:home")).content.decode()


def test_pages_speak_both_languages(ana, make_order):
    order = make_order("CONFIRMED")
    ana.cookies["language"] = "zh-hans"
    text = ana.get(url("order", order)).content.decode()
    assert "商家已接单" in text
    assert 'lang="zh-Hans"' in text
