"""A buyer looks at a key: what is recorded and told, how fast it may be, and what the page holds before and after."""

import pytest
from django.urls import reverse

from config.ground.limits import Limit
from orders import services
from orders.actors import SYSTEM
from orders.models import Key, KeyIssue, KeyReveal, KeyVoiding
from orders.services import Item, Placement, looks
from orders.services.replace import NoKeyLeft

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(cast, keyshop):
    """Two keys of ana's, paid."""
    placement = Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 2)], "WECHAT")
    order = services.place_order(placement, customer=cast.ana)
    return services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")


@pytest.fixture
def ana(client, cast):
    client.force_login(cast.ana)
    return client


def key_url(order, unit=1):
    return reverse("storefront:key", args=[order.public_id, 1, unit])


def page(client, order):
    return client.get(reverse("storefront:order", args=[order.public_id])).text


def test_each_look_is_a_row_and_the_buyer_reads_it(ana, cast, order):
    """Who, when and from where; the page says when a key was first shown and lists every look."""
    for _look in range(2):
        answer = ana.post(key_url(order), REMOTE_ADDR="203.0.113.7")
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
    looks = list(KeyReveal.objects.all())
    assert [(look.by, look.address, look.is_support) for look in looks] == [
        (cast.ana.public_id, "203.0.113.7", False)
    ] * 2
    html = page(ana, order)
    assert "first shown " in html
    assert html.count("Key 1 · with your account") == 2
    assert "203.0.113.7" in html
    assert "not opened yet" in html, "of the second key"


def test_no_key_is_in_any_answer_to_a_get(ana, order):
    texts = {issue.key.text() for issue in KeyIssue.objects.select_related("key")}
    ana.post(key_url(order))
    addresses = [key_url(order), reverse("storefront:order", args=[order.public_id]), reverse("storefront:orders")]
    addresses.append(reverse("storefront:panel", args=[order.public_id, "keys"]))
    for address in addresses:
        for headers in ({}, {"HX-Request": "true"}):
            answer = ana.get(address, headers=headers, follow=True)
            assert not [text for text in texts if text in answer.text]


def test_looking_too_fast_is_refused_and_not_recorded(ana, order, monkeypatch):
    monkeypatch.setattr(looks, "LOOKS", Limit(per_minute=1, burst=3))
    answers = [ana.post(key_url(order)).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    assert KeyReveal.objects.count() == 3


def test_a_replaced_key_is_void_and_the_new_one_serves_the_unit(ana, order):
    """The buyer sees another key in the same place, reads that support replaced it, and the old look stays listed."""
    old = KeyIssue.objects.get(order=order, unit_no=1).key
    ana.post(key_url(order))
    services.replace_key(order.public_id, 1, 1, actor=SYSTEM)
    old.refresh_from_db()
    assert (old.state, old.voiding.kind) == ("VOID", "REPLACED")
    shown = ana.post(key_url(order)).text
    fresh = KeyIssue.objects.get(order=order, unit_no=1, replaced_at=None).key
    assert fresh.text() in shown
    assert old.text() not in shown
    html = page(ana, order)
    assert "replaced by our support" in html
    assert "Our support replaced a key" in html
    assert "A key that was replaced · with your account" in html
    assert "key 1 of 2" in html
    assert KeyIssue.objects.filter(order=order, replaced_at=None).count() == 2


def test_nothing_is_replaced_when_no_key_is_left(order):
    Key.objects.filter(state="AVAILABLE").update(state="VOID")
    with pytest.raises(NoKeyLeft):
        services.replace_key(order.public_id, 1, 1, actor=SYSTEM)
    assert not KeyIssue.objects.filter(replaced_at__isnull=False).exists()
    assert not KeyVoiding.objects.exists()
    assert set(KeyIssue.objects.values_list("key__state", flat=True)) == {"USED"}


def test_a_key_can_be_replaced_again_and_again(order, keyshop):
    for _again in range(3):
        services.replace_key(order.public_id, 1, 2, actor=SYSTEM)
    assert KeyIssue.objects.filter(order=order, unit_no=2).count() == 4
    assert KeyIssue.objects.filter(order=order, unit_no=2, replaced_at=None).count() == 1
    assert services.units_left(keyshop.card) == 15


@pytest.mark.parametrize(("line", "unit"), [(1, 3), (2, 1), (0, 0)])
def test_there_is_no_unit_that_was_not_issued(order, line, unit):
    for verb in (
        lambda: services.replace_key(order.public_id, line, unit, actor=SYSTEM),
        lambda: services.reveal(order.public_id, line, unit, by="x", address=None),
        lambda: services.reveal_to_support(order.public_id, line, unit, actor=SYSTEM, address=None),
    ):
        with pytest.raises(services.NoSuchOrder):
            verb()
    assert not KeyReveal.objects.exists()
