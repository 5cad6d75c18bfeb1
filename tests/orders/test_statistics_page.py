"""The owner reads the shop's figures: ranges, comparison, freshness, emptiness, trouble; nobody sees another shop's."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from config.ground import clock
from notifications.analytics import reading, writing
from notifications.analytics.facts import Facts, Happened
from notifications.analytics.models import AnalyticsFile, AnalyticsState
from notifications.analytics.parquet import write_days
from notifications.analytics.store import Folder, StoreAway
from orders.merchant import statistics as page
from orders.statistics.charts import HEIGHT, bars
from orders.statistics.facts import ORDER_FACTS

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)  # eight in the evening of the shops


@pytest.fixture(autouse=True)
def place(settings, tmp_path, monkeypatch):
    settings.ANALYTICS_URL = str(tmp_path / "export")
    settings.ANALYTICS_WORK = tmp_path / "work"
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def bruno(client, cast):
    client.force_login(cast.bruno)
    return client


def export(tmp_path, *rows):
    """Put rows of (moment, shop, columns) into the export, as the writer would."""
    moments = enumerate((moment for moment, *_rest in rows), 1)
    events = [Happened(n, n, f"order/ord_{n}", 1, "order.paid", moment, "gateway", {}) for n, moment in moments]
    told = [{"shop_id": shop.public_id, **columns} for _moment, shop, columns in rows]
    facts = Facts(ORDER_FACTS.columns, lambda _events: told)
    for day, written in write_days(events, facts, tmp_path).items():
        Folder(tmp_path / "export").put(f"day={day}/{day}.parquet", written.path)
        AnalyticsFile.objects.create(
            name=f"day={day}/{day}.parquet", day=day, first=1, last=len(rows), rows=written.rows, bytes=1
        )
    AnalyticsState.objects.create(position=len(rows), complete_until=NOW - timedelta(seconds=7))


def at(shop, **query):
    return reverse("merchant:statistics", args=[shop.public_id], query=query)


def paid(minor, units=1, name="Beef noodles"):
    good = {"product_id": f"prd_{name}", "en": name, "zh": f"{name}（中）", "unit_minor": minor, "units": units}
    return {"arrived": 1, "paid_minor": minor, "goods": [good]}


def test_says_the_figures_beside_those_of_the_days_before(bruno, noodles, tmp_path):
    export(
        tmp_path,
        (NOW - timedelta(hours=5), noodles.shop, paid(8400) | {"accepted_in_ms": 95_000}),
        (NOW - timedelta(hours=3), noodles.shop, {"returned_minor": 2400, "lost_minor": 2400}),
        (NOW - timedelta(days=2), noodles.shop, {"cancelled": 1, "reason": "MERCHANT_REJECTED.BUSY"}),
        (NOW - timedelta(days=8), noodles.shop, paid(3000)),
    )
    answer = bruno.get(at(noodles.shop))
    assert answer.status_code == 200
    for said in ("¥60.00", "+100 % against before", "95 s", "¥24.00", "19:59:53", "Beef noodles", "Compared with"):
        assert said in answer.text
    assert answer.text.count('<rect class=""') == 2  # one day, one hour
    assert "style=" not in answer.text
    today = bruno.get(at(noodles.shop, days="today"))
    assert "Revenue by day" not in today.text
    bruno.cookies["language"] = "zh-hans"
    chinese = bruno.get(at(noodles.shop))
    for said in ("经营统计", "较上期 +100 %", "统计截至", "Beef noodles（中）", "各时段订单"):
        assert said in chinese.text


def test_a_day_ends_at_midnight_of_the_shop(bruno, noodles, tmp_path):
    export(
        tmp_path,
        (datetime(2026, 11, 26, 16, 30, tzinfo=UTC), noodles.shop, paid(700)),  # half past midnight of the 27th
        (datetime(2026, 11, 26, 15, 30, tzinfo=UTC), noodles.shop, paid(100)),
    )
    one = bruno.get(at(noodles.shop, first="2026-11-27", last="2026-11-27"))
    assert "¥7.00" in one.text
    assert "+600 % against before" in one.text
    noodles.shop.zone = "America/New_York"
    noodles.shop.save()
    assert "¥8.00" in bruno.get(at(noodles.shop, first="2026-11-26", last="2026-11-26")).text


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-02", "2026-11-01", "This day is before the first one."),
        ("2026-11-01", "2026-11-29", "Choose days up to today."),
        ("2020-01-01", "2026-11-28", "Choose at most 366 days."),
        ("1026-11-01", "1026-11-02", "Choose days up to today."),
        ("yesterday", "2026-11-28", "Enter a valid date."),
        ("", "2026-11-28", "This field is required."),
        ("2026-11-01", "\x00", "Enter a valid date."),
    ],
)
def test_refuses_days_that_are_none(bruno, noodles, first, last, said):
    answer = bruno.get(at(noodles.shop, first=first, last=last))
    assert answer.status_code == 422
    assert said in answer.text
    assert '<svg class="bars"' not in answer.text


def test_an_unknown_range_is_the_usual_one(bruno, noodles):
    assert bruno.get(at(noodles.shop, days="../../etc")).status_code == 200


def test_says_when_there_is_nothing(bruno, noodles):
    answer = bruno.get(at(noodles.shop))
    assert "No orders in these days" in answer.text
    assert "Nothing has been counted yet" in answer.text


@pytest.mark.parametrize(("trouble", "said"), [(StoreAway("S3"), "cannot be read"), (reading.TooBusy(), "Too much")])
def test_trouble_with_the_files_is_said_and_touches_nothing_else(bruno, noodles, monkeypatch, trouble, said):
    def fail(*_):
        raise trouble

    monkeypatch.setattr(page, "read", fail)
    answer = bruno.get(at(noodles.shop))
    assert answer.status_code == 503
    assert said in answer.text


def test_a_lost_file_is_said(bruno, noodles, tmp_path):
    export(tmp_path, (NOW, noodles.shop, paid(100)))
    next((tmp_path / "export").glob("*/*.parquet")).unlink()
    assert bruno.get(at(noodles.shop)).status_code == 503


def test_only_owners_get_in_and_see_only_their_own(client, cast, noodles, grocery, tmp_path):
    export(tmp_path, (NOW, noodles.shop, paid(7777)), (NOW, grocery.shop, paid(3333)))
    for person, status in ((cast.mallory, 404), (cast.bea, 404), (cast.ana, 404), (cast.chen, 404), (cast.sam, 404)):
        client.force_login(person)
        assert client.get(at(noodles.shop)).status_code == status
    client.force_login(cast.chen)
    answer = client.get(at(grocery.shop))
    assert "¥33.33" in answer.text
    assert "¥77.77" not in answer.text
    board = client.get(reverse("merchant:board", args=[grocery.shop.public_id]))
    assert at(grocery.shop) in board.text
    client.force_login(cast.bea)
    assert at(noodles.shop) not in client.get(reverse("merchant:board", args=[noodles.shop.public_id])).text


def test_a_question_that_takes_too_long_is_ended(noodles, tmp_path):
    export(tmp_path, (NOW, noodles.shop, paid(100)))
    where = {"shop_id": noodles.shop.public_id}
    slow = "SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE hash(a.range, b.range) = 1"
    with (
        reading.extract(ORDER_FACTS, writing.the_store(), NOW, NOW + timedelta(days=1), where, seconds=0.3) as told,
        pytest.raises(reading.TooBusy),
    ):
        told.ask(slow)


def test_a_question_reaches_nothing_but_its_rows(noodles, tmp_path):
    export(tmp_path, (NOW, noodles.shop, paid(100)))
    where = {"shop_id": noodles.shop.public_id}
    with reading.extract(ORDER_FACTS, writing.the_store(), NOW, NOW + timedelta(days=1), where) as told:
        for query in ("SELECT * FROM read_text('/etc/passwd')", "COPY events TO 'x.csv'", "SET memory_limit = '9GB'"):
            with pytest.raises(reading.duckdb.Error):
                told.ask(query)


def test_bars_share_one_scale_and_hang_below_zero_when_more_went_than_came():
    chart = bars([("a", 300), ("b", -100), ("c", 0), ("d", 1)])
    assert (chart.zero, chart.most) == (HEIGHT * 0.75, 300)
    assert [(bar.y, bar.height, bar.is_below) for bar in chart.bars] == [
        (0, 120, False), (120, 40, True), (120, 0, False), (118, 2, False)]  # fmt: skip
    assert bars([]).bars == []
