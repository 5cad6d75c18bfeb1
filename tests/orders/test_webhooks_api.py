"""Programs manage their endpoints by REST, and catch up with the very documents that webhooks carry."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from config.ground import clock
from config.webhooks import outbox
from notifications.log.readers import Reader
from notifications.models import Circuit, Endpoint, Event, Message, RegisteredHost
from notifications.outside.transport import Answer
from notifications.webhooks import endpoints, resending, settling
from notifications.webhooks.outbox import READER
from orders.models import ApiKey
from tests.notifications.webhook_world import number

pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://user-app.example/notifications"


@pytest.fixture
def api(cast):
    """`api("ana")("get", path, body)`: the answer and its document."""

    def of(name):
        _key, secret = ApiKey.issue(getattr(cast, name), "test")

        def call(method, path, body=None):
            options = {"content_type": "application/json"} if body is not None else {}
            answer = getattr(Client(), method)(
                f"/api/v1{path}", *([json.dumps(body)] if body is not None else []), headers={"X-Api-Key": secret},
                **options,
            )  # fmt: skip
            return answer.status_code, json.loads(answer.content) if answer.content else None

        return call

    return of


def prove(document):
    endpoint = Endpoint.objects.get(public_id=document["webhookId"])
    endpoints.answer_challenge(endpoint.pk, endpoint.url, "")
    return endpoint


def read():
    number()
    reader = Reader(READER, outbox)
    while reader.step():
        pass


def send(answer=None):
    """Say everything that is due, and what follows; each is answered so."""
    said = []
    while claimed := settling.claim(100):
        said += claimed
        settling.settle([settling.Outcome(one, answer or Answer(202, ms=9), clock.now()) for one in claimed])
    return [(one.url, json.loads(one.body)) for one in said]


def test_an_address_is_registered_with_its_secret_shown_once(api):
    ana = api("ana")
    status, made = ana("post", "/webhooks", {"url": URL})
    assert (status, made["state"], made["hearsAll"]) == (201, "PROVING", True)
    assert made["secret"].startswith("whsec_")
    status, again = ana("get", f"/webhooks/{made['webhookId']}")
    assert status == 200
    assert "secret" not in again
    assert made["secret"].endswith(again["secretEndsIn"] + "=")
    assert ana("get", "/webhooks")[1]["results"] == [again]
    assert ana("post", "/webhooks", {"url": URL})[1]["code"] == "webhook_exists"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/", "webhook_private"), ("http://2130706433/", "webhook_private"),
        ("http://[::ffff:7f00:1]/", "webhook_private"), ("http://localhost/", "webhook_private"),
        ("http://user@shop.example/", "webhook_url_invalid"), ("nonsense", "webhook_url_invalid"),
    ],
)  # fmt: skip
def test_refuses_what_may_not_be_called_and_says_which_field(api, url, code):
    status, problem = api("ana")("post", "/webhooks", {"url": url})
    assert (status, problem["code"], problem["field"]) == (422, code, "url")


def test_somebody_elses_endpoint_is_not_found(api):
    _status, made = api("ana")("post", "/webhooks", {"url": URL})
    mallory, path = api("mallory"), f"/webhooks/{made['webhookId']}"
    for method, below, body in (
        ("get", "", None), ("delete", "", None), ("patch", "", {"url": "https://mallory.example/"}),
        ("post", "/secret", {}), ("post", "/resend", {}), ("post", "/pause", {}), ("post", "/resume", {}),
        ("post", "/challenge", {}), ("get", "/messages", None), ("post", "/messages/msg_x/resend", {}),
    ):  # fmt: skip
        assert mallory(method, path + below, body)[0] == 404, (method, below)
    assert Endpoint.objects.get().state == "UNPROVED"


def test_only_who_works_there_registers_for_a_shop(api, noodles):
    wish = {"url": URL, "restaurantId": noodles.shop.public_id}
    assert api("mallory")("post", "/webhooks", wish)[0] in {404, 422}
    status, made = api("bruno")("post", "/webhooks", wish)
    assert status == 201
    assert Endpoint.objects.get().account == noodles.shop.public_id
    assert api("bea")("get", f"/webhooks/{made['webhookId']}")[0] == 200
    assert api("mallory")("get", f"/webhooks?restaurantId={noodles.shop.public_id}")[0] in {404, 422}


def test_staff_may_look_and_only_owners_change(api, noodles, make_order):
    shop_id = noodles.shop.public_id
    wish = {"url": URL, "restaurantId": shop_id}
    bea, bruno = api("bea"), api("bruno")
    status, refused = bea("post", "/webhooks", wish)
    assert (status, refused["code"]) == (403, "owner_only")
    _status, made = bruno("post", "/webhooks", wish)
    prove(made)
    make_order("CONFIRMED")
    read()
    before = Endpoint.objects.values().get()
    path = f"/webhooks/{made['webhookId']}"
    message = Message.objects.first().public_id
    for method, below, body in (
        ("delete", "", None), ("patch", "", {"url": "https://bea.example/"}), ("post", "/secret", {}),
        ("post", "/resend", {}), ("post", "/pause", {}), ("post", "/resume", {}), ("post", "/challenge", {}),
        ("post", f"/messages/{message}/resend", {}),
    ):  # fmt: skip
        status, refused = bea(method, path + below, body)
        assert (status, refused["code"]) == (403, "owner_only"), (method, below)
    assert Endpoint.objects.values().get() == before
    for readable in (f"/webhooks?restaurantId={shop_id}", path, f"{path}/messages", f"/events?restaurantId={shop_id}"):
        assert bea("get", readable)[0] == 200, readable
    assert bruno("post", f"{path}/pause", {})[0] == 200


def test_confirming_sends_both_documents_and_later_changes_one(api, make_order, cast):
    """The two documented callbacks, exactly: to the order's own address, with the status when it happened."""
    _status, made = api("ana")("post", "/webhooks", {"url": URL, "hearsAll": False})
    prove(made)
    address = "https://user-app.example/orders/7"
    order = make_order("READY", notification_url=address)
    read()
    said = send()
    told = list(Event.objects.filter(stream=order.stream, type__in=outbox.hears).order_by("version"))
    paid, confirmed, preparing, ready = told[1:]
    minutes = confirmed.data["estimatedTime"]

    def update(event, status, **more):
        return {
            "orderId": order.public_id, "status": status, "timestamp": event.at.isoformat(), **more,
            "sequence": event.version, "position": event.position,
        }  # fmt: skip

    assert said == [
        (address, {"eventType": "order.paid", "payload": update(paid, "PENDING")}),
        (f"{address}/order-status", update(confirmed, "CONFIRMED", estimatedTime=minutes)),
        (address, {"eventType": "order.confirmed", "payload": update(confirmed, "CONFIRMED", estimatedTime=minutes)}),
        (address, {"eventType": "order.preparing", "payload": update(preparing, "PREPARING", estimatedTime=minutes)}),
        (address, {"eventType": "order.ready", "payload": update(ready, "READY", estimatedTime=minutes)}),
    ]


def test_a_shop_hears_of_a_cash_order_at_once_and_of_another_when_it_is_paid(api, make_order, noodles):
    _status, made = api("bruno")("post", "/webhooks", {"url": URL, "restaurantId": noodles.shop.public_id})
    prove(made)
    cash = make_order("PENDING", method="CASH")
    unpaid = make_order("PENDING", paid=False)
    read()
    assert [(document["payload"]["orderId"], document["eventType"]) for _url, document in send()] == [
        (cash.public_id, "order.placed")
    ]
    assert unpaid.public_id not in str(list(Message.objects.values_list("body", flat=True)))


def test_the_feed_tells_what_webhooks_tell(api, make_order, noodles):
    """Page by page, the same documents in the order of the log; another's orders are in neither."""
    ana, bruno = api("ana"), api("bruno")
    _status, made = ana("post", "/webhooks", {"url": URL})
    prove(made)
    for status in ("READY", "CANCELLED"):
        make_order(status)
    read()
    send()
    bodies = [json.loads(body) for body in Message.objects.order_by("position").values_list("body", flat=True)]
    heard, after = [], 0
    for _page in range(20):
        _status, page = ana("get", f"/events?after={after}&limit=2")
        heard += page["results"]
        after = page["next"]
        if not page["more"]:
            break
    assert heard == bodies
    assert bodies
    assert ana("get", f"/events?after={after}")[1]["results"] == []
    assert api("mallory")("get", "/events")[1]["results"] == []
    assert bruno("get", f"/events?restaurantId={noodles.shop.public_id}")[1]["results"] == bodies
    assert api("mallory")("get", f"/events?restaurantId={noodles.shop.public_id}")[0] in {404, 422}


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=99999999999999999999", "limit=0", "limit=201"])
def test_the_feed_refuses_what_is_no_position(api, query):
    assert api("ana")("get", f"/events?{query}")[0] == 422


def test_the_feed_of_a_position_that_is_not_there_yet_is_empty(api):
    status, page = api("ana")("get", "/events?after=999999999")
    assert (status, page["results"], page["more"]) == (200, [], False)


def test_what_was_said_is_listed_page_by_page_with_every_try(api, make_order):
    ana = api("ana")
    _status, made = ana("post", "/webhooks", {"url": URL})
    prove(made)
    order = make_order("READY")
    read()
    (one,) = settling.claim(1)
    settling.settle([settling.Outcome(one, Answer(503, ms=7), clock.now())])
    path = f"/webhooks/{made['webhookId']}/messages"
    found, query = [], ""
    while True:
        _status, page = ana("get", f"{path}?limit=2{query}")
        found += page["results"]
        if page["next"] is None:
            break
        query = f"&before={page['next']}"
    assert [one["sequence"] for one in found] == sorted((one["sequence"] for one in found), reverse=True)
    assert len(found) == Message.objects.count() == 4
    assert (found[-1]["state"], found[0]["state"], found[0]["orderId"]) == ("RETRY", "HELD", order.public_id)
    assert [(one["status"], one["milliseconds"]) for one in found[-1]["attempts"]] == [(503, 7)]
    assert ana("post", f"{path}/{found[0]['messageId']}/resend", {})[1]["code"] == "webhook_held"
    assert ana("post", f"{path}/{found[-1]['messageId']}/resend", {})[1]["state"] == "DUE"
    assert ana("get", f"{path}?before=msg_x")[1]["results"] == []


def test_everything_again_says_how_many(api, make_order):
    ana = api("ana")
    make_order("READY")
    read()
    _status, made = ana("post", "/webhooks", {"url": URL})
    prove(made)
    assert not Message.objects.exists()
    status, answer = ana("post", f"/webhooks/{made['webhookId']}/resend", {"fromPosition": 1})
    assert (status, answer["count"]) == (202, 4)
    while resending.prepare(outbox):
        pass
    assert [document["eventType"] for _url, document in send()] == [
        "order.paid", "order.confirmed", "order.preparing", "order.ready",
    ]  # fmt: skip
    assert (
        ana("post", f"/webhooks/{made['webhookId']}/resend", {"fromPosition": 10**9})[1]["code"] == "webhook_position"
    )
    since = (clock.now() - timedelta(days=1)).isoformat()
    assert ana("post", f"/webhooks/{made['webhookId']}/resend", {"failedSince": since})[1] == {"count": 0}


def test_moved_paused_renewed_and_removed(api):
    ana = api("ana")
    _status, made = ana("post", "/webhooks", {"url": URL})
    prove(made)
    path = f"/webhooks/{made['webhookId']}"
    assert ana("post", f"{path}/pause", {})[1]["state"] == "PAUSED"
    assert ana("post", f"{path}/pause", {})[1]["code"] == "webhook_wrong_moment"
    assert ana("post", f"{path}/resume", {})[1]["state"] == "WORKING"
    _status, fresh = ana("post", f"{path}/secret", {"overlapHours": 1, "secretNumber": 1})
    assert fresh["secret"] not in {made["secret"], None}
    assert fresh["oldSecretSignsUntil"]
    assert ana("post", f"{path}/secret", {"secretNumber": 1})[1]["code"] == "webhook_secret_changed"
    assert ana("patch", path, {"url": "https://10.0.0.1/"})[1]["code"] == "webhook_private"
    assert ana("patch", path, {"url": "https://other.example/"})[1]["state"] == "PROVING"
    assert ana("delete", path)[0] == 204
    assert ana("get", path)[0] == 404
    assert not RegisteredHost.objects.exists()
    assert Circuit.objects.count() == 2
