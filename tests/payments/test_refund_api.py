"""Refunds by API: a shop's program returns money once, in words; bad input names its field and what is left."""

import json

import pytest
from django.test import Client

from orders.models import ApiKey
from payments.models import Refund
from payments.services import request_refund
from tests.conftest import walk
from tests.payments.paying import at_once, fresh
from tests.payments.test_returns import all_back, pay

pytestmark = pytest.mark.django_db(transaction=True)
SORRY = {"words": "The soup was cold"}


@pytest.fixture
def accepted(make_order, cast):
    order = make_order(paid=False)
    pay(order)
    return walk(fresh(order), "CONFIRMED", cast)


def program(user):
    return Client(headers={"X-Api-Key": ApiKey.issue(user, "till")[1]})


def address(order):
    return f"/api/v1/orders/{order.public_id}/refunds"


def send(client, order, key="", **body):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(address(order), json.dumps(body), content_type="application/json", headers=headers)


def test_the_shops_program_returns_an_amount(accepted, cast):
    answer = send(program(cast.bruno), accepted, amount="12.50", **SORRY)
    assert answer.status_code == 201
    told, refund = answer.json(), Refund.objects.get()
    assert told["refundId"] == refund.out_refund_no
    assert told["amount"] == {"amount": "12.50", "currency": "CNY"}
    assert (told["reason"], told["state"], told["channel"], told["line"]) == ("MERCHANT", "REQUESTED", "WECHAT", None)
    assert told["reasonText"] == "Returned by the shop: The soup was cold"
    assert told["succeededAt"] is None
    assert refund.actor == f"merchant:{cast.bruno.public_id}"


def test_a_line_and_then_all_that_is_left(accepted, cast):
    bruno = program(cast.bruno)
    assert send(bruno, accepted, line=2, **SORRY).json()["amount"]["amount"] == "22.00"
    assert send(bruno, accepted, **SORRY).json()["amount"]["amount"] == "62.00"
    again = send(bruno, accepted, **SORRY)
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_return")


def test_the_same_key_is_one_refund_however_often_and_at_once(accepted, cast):
    """Twenty at the same moment get the same answer; another body under that key is refused."""
    clients = [program(cast.bruno) for _each in range(20)]
    answers = at_once(*[lambda c=c: send(c, accepted, "k1", amount="5", **SORRY) for c in clients])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["refundId"] for answer in answers}) == 1
    assert Refund.objects.count() == 1
    other = send(clients[0], accepted, "k1", amount="6", **SORRY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")


@pytest.mark.parametrize("amount", ["0", "-5", "1.005", "84.01x", "1e3", "NaN", "", "١٢"])
def test_no_amount_names_the_field_and_what_is_left(accepted, cast, amount):
    answer = send(program(cast.bruno), accepted, amount=amount, **SORRY)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["field"] == "amount"
    if amount:  # the empty one is refused by its shape
        assert (problem["code"], "At most ¥84.00" in problem["detail"]) == ("amount_wrong", True)
    assert not Refund.objects.exists()


def test_more_than_is_left_is_refused_with_what_is(accepted, cast):
    bruno = program(cast.bruno)
    send(bruno, accepted, amount="80", **SORRY)
    answer = send(bruno, accepted, amount="4.01", **SORRY)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "refund_too_much", "amount")
    assert answer.json()["detail"] == "At most ¥4.00 can still be returned."
    line = send(bruno, accepted, line=1, amount="60", **SORRY)
    assert (line.status_code, line.json()["detail"]) == (422, "At most ¥4.00 can still be returned.")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"amount": "5", "currency": "USD", **SORRY}, "currency_wrong", "currency"),
        ({"amount": "5"}, "validation_failed", "words"),
        ({"amount": "5", "words": " "}, "validation_failed", "words"),
        ({"line": 9, **SORRY}, "line_unknown", "line"),
        ({"line": 0, **SORRY}, "validation_failed", "line"),
        ({"line": "x", **SORRY}, "validation_failed", "line"),
    ],
)
def test_bad_input_names_its_field(accepted, cast, body, code, field):
    answer = send(program(cast.bruno), accepted, **body)
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert not Refund.objects.exists()


def test_an_order_that_was_not_accepted_is_rejected_instead(make_order, cast):
    order = make_order(paid=False)
    pay(order)
    answer = send(program(cast.bruno), order, **SORRY)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_yet_accepted")


def test_an_unpaid_order_has_nothing_to_return(make_order, cast):
    order = make_order("CONFIRMED", method="CASH")
    answer = send(program(cast.bruno), order, **SORRY)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_return")


@pytest.mark.parametrize("who", ["ana", "mallory", "chen", "ravi", "sam"])
def test_nobody_but_the_shop_returns_money(who, accepted, cast):
    assert send(program(getattr(cast, who)), accepted, **SORRY).status_code == 404
    assert not Refund.objects.exists()


def test_everybody_whose_money_it_is_reads_the_refunds(accepted, cast):
    """The customer reads it in the customer's words, in the language asked for."""
    bruno, ana = program(cast.bruno), program(cast.ana)
    for amount in ("1", "2", "3"):
        send(bruno, accepted, amount=amount, **SORRY)
    all_back()
    page = ana.get(address(accepted), {"limit": 2}).json()
    assert [row["amount"]["amount"] for row in page["results"]] == ["3.00", "2.00"]
    assert page["left"] == {"amount": "78.00", "currency": "CNY"}
    rest = ana.get(page["next"]).json()
    assert [row["amount"]["amount"] for row in rest["results"]] == ["1.00"]
    assert rest["results"][0]["state"] == "SUCCESS"
    assert rest["results"][0]["succeededAt"]
    assert rest["results"][0]["reasonText"] == "From the shop: The soup was cold"
    chinese = ana.get(address(accepted), headers={"Accept-Language": "zh-CN"}).json()
    assert chinese["results"][0]["reasonText"] == "商家退款：The soup was cold"
    assert len(bruno.get(address(accepted)).json()["results"]) == 3


@pytest.mark.parametrize("who", ["mallory", "chen", "ravi"])
def test_nobody_else_reads_them(who, accepted, cast):
    assert program(getattr(cast, who)).get(address(accepted)).status_code == 404


def test_the_shop_does_not_read_about_late_money(accepted, cast):
    """Money that never was the order's is between the customer and us."""
    attempt = accepted.attempts.get()
    late = attempt.__class__.objects.create(
        order=accepted, seq=2, channel="ALIPAY", merchant_account="m", out_trade_no="late-000001", form="qr",
        amount_minor=100, state="SUCCESS", gateway_txn_no="g2", paid_minor=100, paid_currency="CNY",
        paid_at=attempt.paid_at, recorded_at=attempt.paid_at, applied_at=attempt.paid_at, disposition="DUPLICATE",
        gateway_expires_at=attempt.gateway_expires_at, refund_reserved_minor=100,
    )  # fmt: skip
    Refund.objects.create(attempt=late, amount_minor=100, reason="DUPLICATE", idempotency_key="auto")
    request_refund(accepted.public_id, amount_minor=100, reason="MANUAL", words="x", key="hand")
    assert [row["reason"] for row in program(cast.ana).get(address(accepted)).json()["results"]] == [
        "MANUAL",
        "DUPLICATE",
    ]
    assert [row["reason"] for row in program(cast.bruno).get(address(accepted)).json()["results"]] == ["MANUAL"]
