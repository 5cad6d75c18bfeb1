"""A guest's private link on another device: the secret, then the phone's last digits; wrong ones shut it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from config.ground import clock
from config.logs import hide
from orders import services
from orders.order.guests import GuestDoor
from orders.services import Item, Placement, knock

pytestmark = pytest.mark.django_db
SECRET = "s3cret-of-the-link"


@pytest.fixture
def order(keyshop):
    wanted = Placement(keyshop.shop.public_id, [Item(keyshop.card.public_id, 1)], "WECHAT", {"phone": "13900132071"})
    return services.place_order(wanted, customer=None, guest_secret=SECRET)


def url(name, order, *more):
    return reverse(f"storefront:{name}", args=[order.public_id, *more])


def knocking(order):
    """A browser that came by the right link and is asked."""
    browser = Client()
    assert browser.get(url("guest", order, SECRET)).url == url("door", order)
    return browser


def test_asks_for_the_last_digits_and_then_lets_this_browser_in(order):
    """Once answered, this browser is asked no more; the link alone never opened it."""
    browser = knocking(order)
    assert browser.get(url("order", order)).status_code == 404
    page = browser.get(url("door", order))
    assert "Last 4 digits" in page.text
    assert "2071" not in page.text
    assert browser.post(url("door", order), {"digits": " 2071 "}).url == url("order", order)
    assert browser.get(url("order", order)).status_code == 200
    assert browser.get(url("guest", order, SECRET)).url == url("order", order)


@pytest.mark.parametrize("digits", ["", "2072", "071", "13900132071", "２０７２", "x" * 1000])
def test_wrong_digits_let_nobody_in(order, digits):
    browser = knocking(order)
    answer = browser.post(url("door", order), {"digits": digits})
    assert answer.status_code == 422
    assert "4 tries left" in answer.text
    assert browser.get(url("order", order)).status_code == 404


def test_wrong_digits_shut_the_link_for_every_browser(order, monkeypatch):
    """Five wrong ones shut it for 15 minutes, the right ones too; the third time for a day."""
    for round_, shut in enumerate((timedelta(minutes=15), timedelta(minutes=15), timedelta(hours=24)), start=1):
        for number in range(5):
            status = knocking(order).post(url("door", order), {"digits": f"{number:04d}"}).status_code
            assert status == (429 if number == 4 else 422)
        door = GuestDoor.objects.get()
        assert door.wrong_tries == 5 * round_
        assert shut - timedelta(minutes=1) < door.shut_until - clock.now() <= shut
        refused = knocking(order).post(url("door", order), {"digits": "2071"})
        assert refused.status_code == 429
        assert "Too many wrong tries" in refused.text
        GuestDoor.objects.update(shut_until=clock.now() - timedelta(seconds=1))
    assert knocking(order).post(url("door", order), {"digits": "2071"}).status_code == 302
    assert GuestDoor.objects.get().wrong_tries == 0


def test_the_browser_that_ordered_is_not_shut_out(client, order):
    session = client.session
    session["guest_orders"] = [order.public_id]
    session.save()
    for number in range(6):
        knocking(order).post(url("door", order), {"digits": f"{number:04d}"})
    assert client.get(url("order", order)).status_code == 200
    assert client.get(url("guest", order, SECRET)).url == url("order", order)


def test_the_question_is_asked_only_of_whoever_came_by_the_link(order):
    assert Client().get(url("door", order)).status_code == 404
    assert Client().post(url("door", order), {"digits": "2071"}).status_code == 404
    assert not GuestDoor.objects.exists()


def test_wrong_links_are_slowed_by_address_and_the_right_one_is_not(order, monkeypatch):
    monkeypatch.setattr(knock, "WRONG_LINKS", knock.Limit(per_minute=1, burst=3))
    browser = Client(REMOTE_ADDR="203.0.113.99")
    statuses = [browser.get(url("guest", order, f"guess-{number}")).status_code for number in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
    assert browser.get(url("guest", order, SECRET)).status_code == 302


def test_the_secret_is_in_one_address_only_and_no_referrer_or_log_tells_it(order, caplog):
    """The link answers with a redirect that tells no referrer; pages after it have other addresses."""
    browser = Client()
    answer = browser.get(url("guest", order, SECRET))
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert SECRET not in browser.get(url("door", order)).text
    browser.post(url("door", order), {"digits": "0000"})
    browser.get(url("guest", order, SECRET + "x"))
    assert SECRET not in str(dict(browser.session))


def test_logs_blank_the_secret_of_a_link(order):
    """A wrong link is logged as not found; a typo away from the right one, it must not stand there."""
    path = url("guest", order, SECRET + "-typo")
    for words in (f"Not Found: {path}", f'"GET {path} HTTP/1.1" 404 5', f"https://shop.example{path}"):
        said = hide(None, "warning", {"event": words})["event"]
        assert f"/orders/{order.public_id}/g/…" in said
        assert "s3cret" not in said


def test_signing_the_session_anew_keeps_the_cart(order, client, keyshop):
    client.post(
        reverse("storefront:put", args=[keyshop.shop.public_id]), {"product": keyshop.card.public_id, "quantity": "1"}
    )
    before = client.session.session_key
    client.get(url("guest", order, SECRET))
    client.post(url("door", order), {"digits": "2071"})
    assert client.session.session_key != before
    assert client.get(reverse("storefront:cart", args=[keyshop.shop.public_id])).context["basket"].lines
