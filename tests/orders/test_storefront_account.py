"""The one door: signing in and out, making an account, choosing a language, and never leading elsewhere."""

import pytest
from django.urls import reverse

from orders.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SIGNIN, SIGNUP = "/account/signin/", "/account/signup/"


@pytest.fixture
def ana(cast):
    cast.ana.set_phone("13800132071")
    cast.ana.set_password(PASSWORD)
    cast.ana.save()
    return cast.ana


def test_signs_in_by_phone_however_it_is_written_or_by_name(client, ana):
    for typed in ("138 0013 2071", "+86 13800132071", "ana"):
        client.logout()
        response = client.post(SIGNIN, {"username": typed, "password": PASSWORD})
        assert response.url == reverse("storefront:home")
        assert client.session["_auth_user_id"] == str(ana.pk)


def test_wrong_pair_is_one_sentence_with_the_tries_left(client, ana):
    response = client.post(SIGNIN, {"username": "138 0013 2071", "password": "wrong"})
    assert response.status_code == 401
    assert "4 more tries" in response.content.decode()
    unknown = client.post(SIGNIN, {"username": "nobody", "password": "wrong"})
    assert "do not belong together" in unknown.content.decode()


def test_pauses_after_five_wrong_tries_even_for_the_right_password(client, ana):
    for _ in range(5):
        last = client.post(SIGNIN, {"username": "ana", "password": "wrong"})
    assert last.status_code == 429
    assert "15 minutes" in last.content.decode()
    assert client.post(SIGNIN, {"username": "ana", "password": PASSWORD}).status_code == 429


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/x", "javascript:alert(1)", "\\\\evil"])
def test_never_leads_to_another_host(client, ana, elsewhere):
    response = client.post(SIGNIN, {"username": "ana", "password": PASSWORD, "next": elsewhere})
    assert response.url == reverse("storefront:home")
    switched = client.post("/account/language/", {"language": "zh-hans", "next": elsewhere})
    assert switched.url == reverse("storefront:home")


def test_goes_on_to_the_page_that_was_asked_for(client, ana):
    response = client.post(SIGNIN, {"username": "ana", "password": PASSWORD, "next": "/orders/?show=running"})
    assert response.url == "/orders/?show=running"


def test_shop_staff_and_support_start_at_their_own_places(client, cast, noodles):
    for name, place in (("bea", reverse("merchant:home")), ("sam", reverse("admin:index"))):
        user = getattr(cast, name)
        user.set_password(PASSWORD)
        user.save()
        assert client.post(SIGNIN, {"username": name, "password": PASSWORD}).url == place
        client.logout()


def test_makes_an_account_and_is_signed_in(client):
    response = client.post(SIGNUP, {"name": "Leo", "phone": "138 0013 9999", "password": "quiet-harbour-7"})
    assert response.url == reverse("storefront:home")
    user = User.objects.get()
    assert (user.first_name, user.phone) == ("Leo", "13800139999")
    assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phone": "12345"}, "5 digits given"),
        ({"phone": "13800132071"}, "an account with this number already"),
        ({"password": "12345678"}, "password"),
        ({"name": ""}, "required"),
    ],
)
def test_refuses_an_account_that_cannot_be_and_keeps_what_was_typed(client, ana, changes, words):
    form = {"name": "Leo", "phone": "13800139999", "password": "quiet-harbour-7"} | changes
    response = client.post(SIGNUP, form)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert User.objects.filter(first_name="Leo").count() == 0


def test_signs_out_by_post_only(client, ana):
    client.force_login(ana)
    assert client.get("/account/signout/").status_code == 405
    client.post("/account/signout/")
    assert "_auth_user_id" not in client.session


def test_language_is_kept_by_browser_and_account(client, ana):
    client.force_login(ana)
    response = client.post("/account/language/", {"language": "zh-hans", "next": "/orders/"})
    assert response.url == "/orders/"
    assert response.cookies["language"].value == "zh-hans"
    assert User.objects.get(pk=ana.pk).language == "zh-hans"
    assert "language" not in client.post("/account/language/", {"language": "xx"}).cookies
    assert client.get("/account/language/").status_code == 405


def test_cart_survives_signing_in(client, ana, noodles):
    client.post(reverse("storefront:put", args=[noodles.shop.public_id]), {"product": noodles.dumplings.public_id})
    client.post(SIGNIN, {"username": "ana", "password": PASSWORD})
    basket = client.get(reverse("storefront:cart", args=[noodles.shop.public_id])).context["basket"]
    assert basket.count == 1
