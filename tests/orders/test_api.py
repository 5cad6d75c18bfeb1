"""The REST API by its public contract: shapes, ids, idempotency, caching, and a clear problem for every bad body."""

import json

import pytest
from django.test import Client

from notifications.models import Event
from notifications.webhooks.models import RegisteredHost
from orders import services
from orders.actors import as_merchant
from orders.models import ApiKey, Order, Stock
from tests.conftest import ADDRESS

pytestmark = pytest.mark.django_db


class Api:
    """A program with a key."""

    def __init__(self, user):
        self.client = Client(raise_request_exception=True)
        self.headers = {"X-Api-Key": ApiKey.issue(user, "test")[1]}

    def post(self, path, body=None, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return self.client.post(
            f"/api/v1{path}", raw, content_type="application/json", headers={**self.headers, **headers}
        )

    def get(self, path, **headers):
        return self.client.get(f"/api/v1{path}", headers={**self.headers, **headers})


@pytest.fixture
def api(cast):
    return Api(cast.ana)


@pytest.fixture
def body(noodles):
    beef = {"productId": noodles.beef.public_id, "quantity": 2, "options": [{"optionId": noodles.mild.public_id}]}
    return {
        "restaurantId": noodles.shop.public_id,
        "items": [beef, {"productId": noodles.dumplings.public_id, "quantity": 1}],
        "address": ADDRESS,
        "paymentMethod": "WECHAT",
    }


def test_places_an_order_with_the_documented_answer(api, body):
    response = api.post("/orders", body)
    answer = response.json()
    assert response.status_code == 201
    assert set(answer) >= {"orderId", "status", "paymentStatus", "total", "timestamp", "expiresAt", "links"}
    assert answer["orderId"].startswith("ord_")
    assert (answer["status"], answer["paymentStatus"]) == ("PENDING", "UNPAID")
    assert answer["total"] == {"amount": "78.00", "currency": "CNY"}
    assert isinstance(answer["estimatedTime"], int)
    assert response["Location"] == answer["links"]["self"]


def test_ignores_a_price_sent_by_the_client(api, body):
    body["items"][0]["price"] = 1
    body["total"] = {"amount": "0.01"}
    assert api.post("/orders", body).json()["total"]["amount"] == "78.00"


def bad(changes):
    return lambda body: {**body, **changes}


BAD = {
    "unknown shop": (bad({"restaurantId": "res_nobody"}), 422, "shop_unknown", "restaurantId"),
    "no shop": (lambda body: {k: v for k, v in body.items() if k != "restaurantId"}, 422, "required", "restaurantId"),
    "no items": (bad({"items": []}), 422, "empty", "items"),
    "unknown product": (
        bad({"items": [{"productId": "prd_x", "quantity": 1}]}),
        422,
        "product_unknown",
        "items[0].productId",
    ),
    "unknown method": (bad({"paymentMethod": "BARTER"}), 422, "invalid_choice", "paymentMethod"),
    "malformed url": (bad({"notificationUrl": "not a url"}), 422, "invalid", "notificationUrl"),
    "file url": (bad({"notificationUrl": "ftp://example.com/x"}), 422, None, "notificationUrl"),
    "unregistered host": (
        bad({"notificationUrl": "https://example.com/x"}),
        422,
        "notification_host_unregistered",
        "notificationUrl",
    ),
    "short phone": (bad({"address": {**ADDRESS, "phone": "123"}}), 422, "phone_invalid", "address.phone"),
    "no street": (bad({"address": {"name": "Ana", "phone": ADDRESS["phone"]}}), 422, "required", "address.line"),
    "address a text": (bad({"address": "here"}), 422, "invalid", "address"),
    "items a number": (bad({"items": 3}), 422, "not_a_list", "items"),
}


@pytest.mark.parametrize("case", BAD)
def test_answers_bad_bodies_with_the_field(api, body, case):
    change, status, code, field = BAD[case]
    _refused(api.post("/orders", change(body)), status, code, field)


@pytest.mark.parametrize("quantity", [0, -1, 10**9, "x", None, 1.5, [1]])
def test_refuses_a_quantity_that_is_none(api, body, quantity):
    body["items"][0]["quantity"] = quantity
    _refused(api.post("/orders", body), 422, None, "items[0].quantity")


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b'"text"'])
def test_refuses_a_body_that_is_no_json_object(api, raw):
    response = api.post("/orders", raw)
    assert response.status_code in {400, 422}
    assert response["Content-Type"] == "application/problem+json"


def test_refuses_two_megabytes(api, noodles):
    _refused(api.post("/orders", b'{"note": "' + b"x" * 2_000_000 + b'"}'), 413, "body_too_large", None)


def test_refuses_an_item_of_another_shop(api, body, grocery):
    body["items"] = [{"productId": grocery.milk.public_id, "quantity": 1}]
    _refused(api.post("/orders", body), 422, "product_unknown", "items[0].productId")


def test_refuses_what_is_sold_out_and_a_closed_shop(api, body, noodles, cast):
    services.set_sold_out(noodles.dumplings.public_id, sold_out=True, actor=as_merchant(cast.bruno))
    _refused(api.post("/orders", body), 409, "out_of_stock", "items[1].productId")
    services.set_open(noodles.shop.public_id, is_open=False, actor=as_merchant(cast.bruno))
    _refused(api.post("/orders", body), 409, "shop_closed", "restaurantId")


def test_refuses_cash_for_card_keys(api, keyshop):
    item = {"productId": keyshop.card.public_id, "quantity": 1}
    body = {"restaurantId": keyshop.shop.public_id, "items": [item], "address": {}, "paymentMethod": "CASH"}
    _refused(api.post("/orders", body), 422, "cash_refused", "paymentMethod")


def _refused(response, status, code, field):
    problem = response.json()
    assert response.status_code == status, problem
    assert response["Content-Type"] == "application/problem+json"
    found = [problem, *problem.get("errors", [])]
    assert code is None or code in {entry["code"] for entry in found}
    assert field is None or field in {entry.get("field") for entry in found}
    assert problem["detail"]
    assert not Order.objects.exists()
    assert not Stock.objects.filter(reserved__gt=0).exists()


def test_the_same_key_and_body_make_one_order(api, body):
    first = api.post("/orders", body, **{"Idempotency-Key": "k1"})
    again = api.post("/orders", body, **{"Idempotency-Key": "k1"})
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(api, body):
    api.post("/orders", body, **{"Idempotency-Key": "k1"})
    other = api.post("/orders", {**body, "note": "changed"}, **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    assert Order.objects.count() == 1


def test_another_persons_order_does_not_exist(api, body, cast):
    order_id = api.post("/orders", body).json()["orderId"]
    stranger = Api(cast.mallory)
    for call in (
        stranger.get(f"/orders/{order_id}"),
        stranger.get(f"/orders/{order_id}/events"),
        stranger.post(f"/orders/{order_id}/cancel"),
        stranger.post(f"/orders/{order_id}/confirm", {"minutes": 10}),
    ):
        assert (call.status_code, call.json()["code"]) == (404, "not_found")
    assert stranger.get("/orders").json()["results"] == []


def test_nobody_without_a_key_or_token_gets_in(body):
    response = Client().post("/api/v1/orders", json.dumps(body), content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    wrong = Client().get("/api/v1/orders", headers={"X-Api-Key": "lk_wrong"})
    assert wrong.status_code == 401


def test_a_jwt_opens_the_same_door(cast, body):
    cast.ana.set_password("correct horse battery")
    cast.ana.save()
    login = {"username": "ana", "password": "correct horse battery"}
    token = Client().post("/api/v1/auth/token", json.dumps(login), content_type="application/json").json()["access"]
    answer = Client().post(
        "/api/v1/orders",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 201


def test_a_shop_walks_an_order_and_an_illegal_step_is_refused(api, body, cast):
    order_id = api.post("/orders", body).json()["orderId"]
    kitchen = Api(cast.bea)
    early = kitchen.post(f"/orders/{order_id}/confirm", {"minutes": 10})
    assert (early.status_code, early.json()["code"]) == (409, "wrong_moment")
    services.mark_paid(order_id, amount_minor=7800, channel="WECHAT")
    for verb, sent, status in (
        ("confirm", {"minutes": 10}, "CONFIRMED"),
        ("start", {}, "PREPARING"),
        ("ready", {}, "READY"),
    ):
        answer = kitchen.post(f"/orders/{order_id}/{verb}", sent)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    again = kitchen.post(f"/orders/{order_id}/start")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_moment")


def test_an_order_is_not_sent_again_while_its_version_is_known(api, body):
    order_id = api.post("/orders", body).json()["orderId"]
    first = api.get(f"/orders/{order_id}")
    assert first["Cache-Control"] == "private, no-cache"
    assert api.get(f"/orders/{order_id}", **{"If-None-Match": first["ETag"]}).status_code == 304
    services.mark_paid(order_id, amount_minor=7800, channel="WECHAT")
    assert api.get(f"/orders/{order_id}", **{"If-None-Match": first["ETag"]}).status_code == 200


def test_a_menu_is_public_and_cachable(noodles):
    menu = Client().get(f"/api/v1/restaurants/{noodles.shop.public_id}/menu")
    assert menu.status_code == 200
    assert menu["Cache-Control"].startswith("public, max-age=")
    assert {product["name"] for product in menu.json()["products"]} == {"Beef noodles", "Dumplings"}
    known = Client().get(f"/api/v1/restaurants/{noodles.shop.public_id}/menu", headers={"If-None-Match": menu["ETag"]})
    assert known.status_code == 304


def test_lists_are_paged(api, body):
    body["items"] = body["items"][:1]
    made = [api.post("/orders", body).json()["orderId"] for _ in range(3)]
    page = api.get("/orders?limit=2").json()
    assert [order["orderId"] for order in page["results"]] == made[:0:-1]
    assert page["next"]


def test_a_registered_notification_url_is_kept(api, body, cast):
    RegisteredHost.objects.create(account=cast.ana.public_id, host="example.com")
    body["notificationUrl"] = "https://example.com/hooks/orders"
    order_id = api.post("/orders", body).json()["orderId"]
    assert Order.objects.get(public_id=order_id).notification_url == body["notificationUrl"]


def test_tells_the_time_line_after_a_version(api, body):
    order_id = api.post("/orders", body).json()["orderId"]
    services.mark_paid(order_id, amount_minor=7800, channel="WECHAT")
    events = api.get(f"/orders/{order_id}/events?after=1").json()["results"]
    assert [event["type"] for event in events] == ["order.paid"]
    assert Event.objects.filter(stream=f"order/{order_id}").count() == 2
    assert api.get(f"/orders/{order_id}/events?after=x").status_code == 422
