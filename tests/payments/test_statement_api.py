"""The statement for programs: the owner's key reads it, page by page, and it adds up."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client

from config.ground import clock
from orders.models import ApiKey
from tests.payments.test_statements import earned, random_books

pytestmark = pytest.mark.django_db(transaction=True)

NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}


@pytest.fixture(autouse=True)
def late_in_november(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 28, 12, tzinfo=UTC))


def reader(person):
    _key, secret = ApiKey.issue(person, "books")
    return Client(headers={"x-api-key": secret})


def ask(program, shop, **query):
    return program.get(f"/api/v1/restaurants/{shop.public_id}/statement", query)


def minor(text):
    return int(Decimal(text) * 100)


def test_the_owners_key_reads_totals_and_every_movement(cast, noodles):
    random_books(noodles.shop, 11)
    bruno, rows, query = reader(cast.bruno), [], dict(NOVEMBER, limit=25)
    while True:
        answer = ask(bruno, noodles.shop, **query)
        assert answer.status_code == 200
        told = answer.json()
        rows += told["results"]
        if told["next"] is None:
            break
        query["cursor"] = told["next"]
    assert len(rows) == told["movements"] == len({row["reference"] for row in rows})
    assert minor(told["earned"]) == earned(noodles.shop) == sum(minor(row["amount"]) for row in rows)
    assert minor(told["till"]["closing"]) == sum(minor(row["till"]) for row in rows)
    assert minor(told["opening"]) + minor(told["earned"]) == minor(told["closing"])
    assert (told["from"], told["to"], told["zone"], told["currency"]) == (*NOVEMBER.values(), "Asia/Shanghai", "CNY")


def test_without_days_it_is_today(cast, noodles):
    told = ask(reader(cast.bruno), noodles.shop).json()
    assert (told["from"], told["to"], told["movements"], told["next"]) == ("2026-11-28", "2026-11-28", 0, None)


@pytest.mark.parametrize("who", ["bea", "chen", "mallory", "sam"])
def test_nobody_elses_key_finds_it(cast, noodles, who):
    assert ask(reader(getattr(cast, who)), noodles.shop, **NOVEMBER).status_code == 404


def test_without_a_key_it_is_401(noodles):
    assert ask(Client(), noodles.shop).status_code == 401


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "November"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "2026-11-31"}, "from"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"from": "2025-01-01", "to": "2026-11-01"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "payment:pay_nobody"}, "cursor"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_field(cast, noodles, query, field):
    answer = ask(reader(cast.bruno), noodles.shop, **query)
    assert answer.status_code == 422, answer.content
    assert field in answer.text


def test_a_cursor_of_another_shop_opens_nothing(cast, noodles, grocery):
    random_books(grocery.shop, 1, 8)
    theirs = ask(reader(cast.chen), grocery.shop, **NOVEMBER, limit=1).json()
    assert ask(reader(cast.bruno), noodles.shop, **NOVEMBER, cursor=theirs["next"]).status_code == 422


def test_cash_of_another_currency_is_refused_by_its_field(cast, make_order):
    order = make_order("ON_DELIVERY", method="CASH")
    body = {"amount": "84.00", "currency": "USD"}
    answer = reader(cast.ravi).post(f"/api/v1/orders/{order.public_id}/cash", body, content_type="application/json")
    assert (answer.status_code, answer.json()["field"]) == (422, "currency")
