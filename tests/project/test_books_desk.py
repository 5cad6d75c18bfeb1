"""Support reads the books and receives cash: the trial balance, one account, who has how much, a hand-in."""

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse

from orders.actors import as_rider
from payments import ledger
from payments.cash.in_hand import pocket
from payments.models import Difference, LedgerEntry
from payments.services import collect_cash, hand_in_cash
from tests.payments.paying import fresh
from tests.payments.test_statements import book

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(make_order, cast):
    order = make_order("ON_DELIVERY", method="CASH")
    collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor)
    return fresh(order)


@pytest.fixture
def hand_in(order, cast):
    return hand_in_cash(pocket(cast.ravi), counted_minor=8400, expected_minor=8400, by=cast.ravi)


def test_the_trial_balance_shows_every_account_and_that_it_sums_to_zero(desk, order, cast):
    text = desk.sam.get(reverse("admin:payments_ledgeraccount_changelist")).text
    for words in (ledger.pocket_of(cast.ravi), "revenue:MEAL", "¥84.00", "−¥84.00", "CNY sums to zero"):
        assert words in text, words


def test_the_trial_balance_of_a_past_day(desk, noodles):
    money = {"gateway:WECHAT": 700, "revenue:MEAL": -700}
    book("PAYMENT", noodles.shop, datetime(2026, 11, 18, 15, 59, tzinfo=UTC), money, "evening")
    book("PAYMENT", noodles.shop, datetime(2026, 11, 18, 16, 1, tzinfo=UTC), money, "after midnight in Shanghai")
    page = reverse("admin:payments_ledgeraccount_changelist")
    assert "−¥7.00" in desk.sam.get(page, {"on": "2026-11-18"}).text
    assert "−¥14.00" in desk.sam.get(page, {"on": "2026-11-19"}).text
    assert "Nothing was booked until then" in desk.sam.get(page, {"on": "2026-11-17"}).text
    assert "Write a day such as" in desk.sam.get(page, {"on": "yesterday"}).text


def test_one_account_with_its_postings(desk, order, cast, noodles):
    for number in range(120):
        book("PAYMENT", noodles.shop, None, {"gateway:WECHAT": 5, "revenue:MEAL": -5}, f"n{number}")
    page = reverse("admin:payments_ledgeraccount_change", args=["gateway:WECHAT"])
    first = desk.sam.get(page)
    assert "¥6.00" in first.text
    second = desk.sam.get(page, {"before": first.context["older"]})
    refs = [posting.entry.ref for answer in (first, second) for posting in answer.context["postings"]]
    assert refs == [f"n{number}" for number in range(119, -1, -1)]
    for bad in ("x", "-1", "9" * 30):
        assert desk.sam.get(page, {"before": bad}).status_code == 200
    assert desk.sam.get(reverse("admin:payments_ledgeraccount_change", args=["nobody"])).status_code == 404


def test_entries_are_found_by_every_number_of_an_order(desk, order, hand_in):
    ledger.book_fee("WECHAT", date(2026, 11, 20), 5, ref="fee:WECHAT:2026-11-20")
    entry = LedgerEntry.objects.get(kind="PAYMENT")
    page = reverse("admin:payments_ledgerentry_changelist")
    for term in (order.public_id, f"#{order.number}", str(order.number), entry.ref, entry.ref.partition(":")[2]):
        found = desk.sam.get(page, {"q": term}).context["cl"].result_list
        assert list(found) == [entry], term
    assert not desk.sam.get(page, {"q": "pay_nobody"}).context["cl"].result_list


def test_support_sees_who_has_how_much_and_receives_it(desk, hand_in, cast):
    page = reverse("admin:payments_handin_changelist")
    text = desk.sam.get(page).text
    assert hand_in.public_id in text
    assert "Ravi" in text
    one = reverse("admin:payments_handin_change", args=[hand_in.public_id])
    wrong = desk.sam.post(one, {"received": "80.005", "words": ""})
    assert (wrong.status_code, 'value="80.005"' in wrong.text) == (422, True)
    unsaid = desk.sam.post(one, {"received": "80.00", "words": ""})
    assert (unsaid.status_code, "differs from the books" in unsaid.text) == (422, True)
    assert fresh(hand_in).state == "COUNTED"
    assert desk.sam.post(one, {"received": "80.00", "words": "four yuan short"}).status_code == 302
    assert ledger.balance(ledger.pocket_of(cast.ravi)) == 0
    assert "−¥4.00" in desk.sam.get(page, {"show": "differences"}).text
    assert Difference.objects.get().subject == f"cash:{hand_in.public_id}"
    again = desk.lena.post(one, {"received": "84.00", "words": ""})
    assert (again.status_code, "Sam: ¥80.00" in again.text) == (422, True)


def test_support_does_not_receive_what_is_meant_for_a_shop(desk, order, cast, noodles):
    made = hand_in_cash(
        pocket(cast.ravi), counted_minor=8400, expected_minor=8400, to_shop=noodles.shop.public_id, by=cast.ravi
    )
    page = reverse("admin:payments_handin_change", args=[made.public_id])
    assert "receives it, on its page of the till" in desk.sam.get(page).text
    assert desk.sam.post(page, {"received": "84.00"}).status_code == 403
    assert fresh(made).state == "COUNTED"


def test_who_may_not_receive_cash_is_told(desk, hand_in, cast):
    page = reverse("admin:payments_handin_change", args=[hand_in.public_id])
    cast.sam.groups.clear()
    assert desk.sam.get(page).status_code == 403
    assert desk.sam.post(page, {"received": "84.00"}).status_code == 403
    assert fresh(hand_in).state == "COUNTED"


def test_every_page_of_a_hand_in_that_is_none_is_not_found(desk):
    assert desk.sam.get(reverse("admin:payments_handin_change", args=["hnd_0"])).status_code == 404
