"""The owner reads the shop's money: a month, a day, a file; nobody else does."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from config.ground import clock
from payments.models import LedgerEntry
from payments.statements.file import BOM
from tests.payments.test_statements import book, earned, random_books

pytestmark = pytest.mark.django_db(transaction=True)

PERIODS = ("2026-11", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21")


@pytest.fixture
def bruno(client, cast):
    client.force_login(cast.bruno)
    return client


@pytest.fixture(autouse=True)
def late_in_november(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 28, 12, tzinfo=UTC))


def at(name, shop, *more):
    return reverse(f"counter:{name}", args=[shop.public_id, *more])


def test_the_month_leads_to_its_days_and_both_to_their_files(bruno, noodles):
    random_books(noodles.shop, 3)
    month = bruno.get(at("statement", noodles.shop))
    assert month.status_code == 200
    assert "November 2026" in month.text
    day = at("statement_of", noodles.shop, "2026-11-19")
    assert f'href="{day}"' in month.text
    assert at("statement_file", noodles.shop, "2026-11") in month.text
    assert at("statement_file", noodles.shop, "2026-11-19") in bruno.get(day).text


def test_a_month_says_the_ledgers_figures_in_both_languages(bruno, noodles):
    book(
        "PAYMENT",
        noodles.shop,
        datetime(2026, 11, 19, 4, tzinfo=UTC),
        {"gateway:WECHAT": 8400, "revenue:MEAL": -8400},
        "a",
    )
    book(
        "REFUND",
        noodles.shop,
        datetime(2026, 11, 19, 5, tzinfo=UTC),
        {"gateway:WECHAT": -2200, "revenue:MEAL": 2200},
        "b",
    )
    assert earned(noodles.shop) == 6200
    for language, words in (("en", "returned to customers"), ("zh-hans", "退给顾客")):
        text = bruno.get(at("statement", noodles.shop), headers={"accept-language": language}).text
        for figure in ("¥84.00", "¥22.00", "¥62.00", words):
            assert figure in text, (language, figure)
    day = bruno.get(at("statement_of", noodles.shop, "2026-11-19")).text
    assert "−¥22.00" in day
    assert "12:00:00" in day  # four in UTC is noon in the shop


def test_a_long_day_is_read_page_by_page(bruno, noodles):
    start = datetime(2026, 11, 19, 1, tzinfo=UTC)
    for n in range(250):
        money = {"gateway:WECHAT": 100 + n, "revenue:MEAL": -100 - n}
        book("PAYMENT", noodles.shop, start + timedelta(seconds=n), money, f"n{n:03d}")
    address, seen = at("statement_of", noodles.shop, "2026-11-19"), []
    page = bruno.get(address)
    while True:
        seen += [line.ref for line, _kind, _way in page.context["lines"]]
        if not page.context["more"]:
            break
        assert f"?after={page.context['more']}" in page.text
        page = bruno.get(address, {"after": page.context["more"]})
    assert seen == [f"n{n:03d}" for n in range(250)]
    assert bruno.get(address, {"after": "nowhere"}).status_code == 404


@pytest.mark.parametrize("period", PERIODS)
def test_the_file_is_streamed_and_adds_up(bruno, noodles, period):
    random_books(noodles.shop, 5)
    answer = bruno.get(at("statement_file", noodles.shop, period))
    assert answer.streaming
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Cache-Control"] == "private, no-store"
    assert f'filename="statement-{noodles.shop.public_id}-{period}.csv"' in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text.removeprefix(BOM))))
    told = bruno.get(at("statement_of", noodles.shop, period)).context["told"]
    assert sum(round(float(row["amount"]) * 100) for row in rows) == told.sums.net_minor
    assert all(row["time"].startswith(period) for row in rows)
    assert LedgerEntry.objects.filter(ref=rows[0]["reference"]).exists() if rows else told.sums.movements == 0


@pytest.mark.parametrize(
    "period",
    ["2026", "2026-13", "2026-11-31", "2026-1", "20261119", "2026-12", "2026-11-29", "1999-01", "x" * 7, "2026-W47"],
)
def test_what_is_no_past_month_or_day_is_not_found(bruno, noodles, period):
    assert bruno.get(at("statement_of", noodles.shop, period)).status_code == 404
    assert bruno.get(at("statement_file", noodles.shop, period)).status_code == 404


@pytest.mark.parametrize("who", ["bea", "chen", "mallory", "ravi", "sam"])
def test_only_owners_read_it(client, cast, noodles, who):
    """Bea works there: she sees the till, not what the shop earns."""
    client.force_login(getattr(cast, who))
    for name, more in (("statement", []), ("statement_of", ["2026-11"]), ("statement_file", ["2026-11"])):
        assert client.get(at(name, noodles.shop, *more)).status_code == 404, name
    assert client.get(at("till", noodles.shop)).status_code == (200 if who == "bea" else 404)


def test_the_shops_pages_lead_there(client, cast, noodles, keyshop):
    board = reverse("merchant:board", args=[noodles.shop.public_id])
    for who, name in (("bruno", "statement"), ("bea", "till")):
        client.force_login(getattr(cast, who))
        assert f'href="{at(name, noodles.shop)}"' in client.get(board).text, who
    client.force_login(cast.dana)
    text = client.get(at("statement", keyshop.shop)).text
    assert at("till", keyshop.shop) not in text  # keys are not sold for cash


def test_an_empty_month_says_so(bruno, noodles):
    assert "Nothing moved in this month" in bruno.get(at("statement", noodles.shop)).text
