"""What nobody types by accident: NUL, endless names, invented proxies, odd cursors. A clear answer, never a fault."""

import base64
import json

import pytest
from axes.models import AccessAttempt
from django.http import HttpResponse
from django.test import Client, RequestFactory

from config.middleware import ClientMiddleware
from orders.actors import as_rider
from orders.models import ApiKey
from orders.people import User, phone_index
from orders.services import assign_carrier, pick_up
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
PHONE = "13800138000"


@pytest.fixture
def key(cast):
    return {"X-Api-Key": ApiKey.issue(cast.ana, "test")[1]}


@pytest.mark.parametrize("name", ["%00", "a" * 300, "%F0%9F%8D%9C"])
@pytest.mark.parametrize(
    "path",
    ["/shops/{}/", "/orders/{}/", "/cart/{}/", "/media/{}", "/api/v1/orders/{}", "/api/v1/restaurants/{}/menu"],
)
def test_finds_nothing_under_a_name_that_nothing_can_have(cast, key, path, name):
    client = Client(headers=key)
    answer = client.get(path.format(name))
    assert answer.status_code == 404
    if path.startswith("/api"):
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"


def test_a_field_with_nul_is_told_from_a_fault(cast, noodles, key):
    """PostgreSQL keeps NUL in no text; the page says that it could not read the form, the API as a problem."""
    page = Client().post(f"/cart/{noodles.shop.public_id}/put/", {"product": "\0", "quantity": "1"})
    assert page.status_code == 400
    program = Client(headers=key).get("/api/v1/restaurants", {"after": "\0"})
    assert (program.status_code, program.json()["code"]) == (400, "bad_request")
    assert program["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("position", ["p=abc", "p=%00", "r=1&p=1.5", "p=-"])
def test_a_cursor_that_we_did_not_give_out_is_not_found(key, position):
    cursor = base64.b64encode(position.encode()).decode()
    answer = Client(headers=key).get("/api/v1/orders", {"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("amount", ["12abc", "-5.00", "1.2.3", "99.999", " 1 2", "", "1e2"])
def test_an_amount_of_cash_is_a_whole_decimal_number(cast, make_order, amount):
    order = make_order("READY", method="CASH")
    assign_carrier(order.public_id, carrier=cast.ravi, actor=as_rider(cast.ravi))
    pick_up(order.public_id, carrier=cast.ravi, actor=as_rider(cast.ravi))
    rider = Client(headers={"X-Api-Key": ApiKey.issue(cast.ravi, "bike")[1]})
    body = json.dumps({"amount": amount})
    answer = rider.post(f"/api/v1/orders/{order.public_id}/cash", body, content_type="application/json")
    assert (answer.status_code, answer.json()["field"]) == (422, "amount")


def test_two_long_request_numbers_are_two_requests(key, noodles):
    """A key longer than its column is never cut: two keys that begin alike are two orders."""
    body = {
        "restaurantId": noodles.shop.public_id,
        "items": [{"productId": noodles.dumplings.public_id, "quantity": 1}],
        "address": {"name": "A", "phone": PHONE, "line": "1"},
        "paymentMethod": "WECHAT",
    }

    def place(number):
        client = Client(headers={**key, "Idempotency-Key": number})
        return client.post("/api/v1/orders", body, content_type="application/json").json()["orderId"]

    first, second, again = place("k" * 200 + "A"), place("k" * 200 + "B"), place("k" * 200 + "A")
    assert first != second
    assert again == first


@pytest.mark.parametrize(
    ("peer", "told", "who"),
    [
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.7, 127.0.0.1", "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7, junk", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("198.51.100.9", "203.0.113.7", "198.51.100.9"),
    ],
)
def test_only_our_own_proxies_say_who_asks(settings, peer, told, who):
    """An address that the caller wrote itself is never believed, so nobody gets around limits or locks others out."""
    settings.TRUSTED_PROXIES = ["127.0.0.0/8", "::1"]
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": told} if told else {})
    ClientMiddleware(lambda _request: HttpResponse())(request)
    assert request.META["REMOTE_ADDR"] == who


@pytest.fixture
def phoned():
    user = User(username="phoned", first_name="Phoned")
    user.set_phone(PHONE)
    user.set_password(PASSWORD)
    user.save()
    return user


def token(username, password, address="203.0.113.7"):
    body = {"username": username, "password": password}
    return Client(REMOTE_ADDR=address).post("/api/v1/auth/token", body, content_type="application/json").status_code


def test_every_spelling_of_a_phone_number_counts_as_the_same_try(phoned):
    """Else each way of writing the number gave five more guesses; and the number itself is written down nowhere."""
    for spelling in ("13800138000", "138 0013 8000", "+86 138-0013-8000", "1-38001-38000", "(138)00138000"):
        assert token(spelling, "wrong") == 401
    assert token("138.0013.8000", PASSWORD) in {401, 403, 429}
    assert token(PHONE, PASSWORD, address="203.0.113.8") == 200
    (kept,) = AccessAttempt.objects.values_list("username", flat=True)
    assert kept == f"phone:{phone_index(PHONE).hex()}"


def test_a_success_forgets_the_failures_under_the_same_number(phoned):
    page = Client(REMOTE_ADDR="203.0.113.7")
    page.post("/account/signin/", {"username": "138 0013 8000", "password": "wrong"})
    assert AccessAttempt.objects.count() == 1
    assert page.post("/account/signin/", {"username": PHONE, "password": PASSWORD}).status_code == 302
    assert AccessAttempt.objects.count() == 0


def test_guessing_under_many_names_is_slowed_down(cast, settings):
    """Each guess costs a slow hash, so names are not an excuse: an address has so many tries a minute."""
    settings.API_LIMITS = {"read": (6, 2), "write": (6, 2)}
    assert [token(f"name-{n}", "wrong", address="203.0.113.99") for n in range(3)] == [401, 401, 429]


def test_an_endless_user_name_is_a_wrong_one(cast):
    assert token("a" * 5_000, "wrong") == 401


def test_no_page_of_somebody_is_kept_by_a_browser(cast, noodles):
    """The next person at the same computer cannot go back to an address, a cart or a board."""
    ana, bruno, guest = Client(), Client(), Client()
    ana.force_login(cast.ana)
    bruno.force_login(cast.bruno)
    guest.post("/address/", {"name": "A", "phone": PHONE, "line": "1 Hidden Street"})
    shop = noodles.shop.public_id
    for client, path in [
        (ana, "/orders/"), (ana, "/address/"), (ana, f"/cart/{shop}/"), (ana, f"/shops/{shop}/"),
        (bruno, f"/merchant/{shop}/"), (bruno, f"/merchant/{shop}/products/"), (guest, "/address/"), (guest, "/"),
    ]:  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"], path
    assert "no-store" not in Client().get("/").get("Cache-Control", "")


def test_no_number_of_a_shop_is_too_long_to_be_read(cast, make_order):
    """Python reads at most 4,300 digits; what has more is no amount, and no minutes."""
    client = Client()
    client.force_login(cast.bruno)
    order, endless = make_order("CONFIRMED", method="CASH"), "9" * 5_000
    address = f"/merchant/{order.shop.public_id}/orders/{order.public_id}"
    assert client.post(f"{address}/cash/", {"amount": endless}).status_code == 422
    assert client.post(f"{address}/accept/", {"minutes": endless}).status_code == 409
