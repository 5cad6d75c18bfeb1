"""What riders and shops see and press when cash changes hands, and what each is told."""

import pytest
from django.urls import reverse

from orders.actors import as_merchant, as_rider
from orders.models import ShopStaff
from payments import ledger
from payments.models import HandIn
from payments.services import collect_cash
from tests.payments.paying import fresh
from tracking import services as tracking
from tracking.models import Rider

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(client, cast):
    """`page("ravi", "cash:mine")`: what this person sees; with a form, what came of a press."""

    def open_(who, name, *args, **form):
        client.force_login(getattr(cast, who))
        address = reverse(name, args=args)
        return client.post(address, form, follow=False) if form else client.get(address)

    return open_


@pytest.fixture
def collected(make_order, cast):
    Rider.objects.create(user=cast.ravi)
    order = make_order("ON_DELIVERY", method="CASH")
    collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor, receipt="R-000123")
    return fresh(order)


def close(page, counted="84.00", expected=8400, to="depot"):
    return page("ravi", "cash:close", counted=counted, expected=expected, to=to)


def receive(page, who, shop, **form):
    made = HandIn.objects.get(state="COUNTED")
    form = {f"{made.public_id}-{name}": value for name, value in form.items()}
    return page(who, "counter:receive", shop.public_id, made.public_id, **form)


def test_a_rider_sees_what_they_have_order_by_order(page, collected):
    text = page("ravi", "cash:mine").text
    for words in ("¥84.00 in cash with you", f"#{collected.number}", "receipt R-000123", "At the depot"):
        assert words in text, words


def test_a_rider_hands_in_at_the_shop_and_is_told_what_was_counted(page, collected, noodles):
    shop = noodles.shop
    assert close(page, to=shop.public_id).status_code == 302
    assert "they count it too" in page("ravi", "cash:mine").text
    assert "Ravi counted ¥84.00; the books say ¥84.00" in page("bea", "counter:till", shop.public_id).text
    assert receive(page, "bea", shop, received="84.00").status_code == 302
    assert ledger.balance(ledger.till_of(shop)) == 8400
    text = page("ravi", "cash:mine").text
    assert "No cash with you" in text
    assert "Bea counted ¥84.00, exactly what the books say." in text


def test_a_difference_is_told_in_words_where_the_rider_looks_next(page, collected, noodles):
    close(page, to=noodles.shop.public_id)
    page_ = receive(page, "bea", noodles.shop, received="82.00", words="")
    assert page_.status_code == 422
    assert "¥82.00 differs from the books" in page_.text
    assert 'value="82.00"' in page_.text
    receive(page, "bea", noodles.shop, received="82.00", words="two yuan short")
    for name in ("cash:mine", "rider:jobs"):
        text = page("ravi", name).text
        assert "Bea counted ¥82.00: ¥2.00 is missing. It says: “two yuan short”." in text, name


@pytest.mark.parametrize(
    ("counted", "sentence"),
    [
        ("-84", "Write the amount in yuan"),
        ("84.005", "Write the amount in yuan"),
        ("", "This field is required"),
        ("8400000", "far more than the ¥84.00 in the books"),
    ],
)
def test_a_count_that_cannot_be_is_refused_beside_the_field(page, collected, counted, sentence):
    answer = close(page, counted=counted)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{counted}"' in answer.text or not counted
    assert HandIn.objects.count() == 0


def test_a_page_that_is_old_is_told_what_the_books_say_now(page, collected):
    answer = close(page, counted="80.00", expected=8000)
    assert answer.status_code == 422
    assert "The books moved: it is ¥84.00 now." in answer.text


def test_nobody_makes_up_a_place(page, collected):
    assert close(page, to="res_elsewhere").status_code == 422


def test_pressing_twice_is_one_hand_in_and_it_can_be_taken_back(page, collected):
    assert [close(page).status_code for _ in range(2)] == [302, 302]
    made = HandIn.objects.get()
    assert page("ravi", "cash:withdraw", made.public_id, x="").status_code == 302
    assert fresh(made).state == "WITHDRAWN"
    assert "¥84.00 in cash with you" in page("ravi", "cash:mine").text


def test_going_off_duty_with_cash_reminds(page, collected, cast):
    rider = Rider.objects.get(user=cast.ravi)
    tracking.go_on_duty(rider)
    assert "¥84.00 in cash with you" in page("ravi", "rider:jobs").text
    page("ravi", "rider:duty", x="")
    assert "You are off duty with ¥84.00 in cash. Hand it in." in page("ravi", "rider:jobs").text


def test_the_shop_hands_its_till_in(page, make_order, cast, noodles):
    order = make_order("READY", method="CASH", collects=True)
    collect_cash(order.public_id, actor=as_merchant(cast.bruno), amount_minor=order.total_minor)
    shop = noodles.shop.public_id
    assert "¥80.00" in page("bea", "counter:till", shop).text
    wrong = page("bea", "counter:count_till", shop, counted="80.001", expected=8000)
    assert (wrong.status_code, 'value="80.001"' in wrong.text) == (422, True)
    assert page("bea", "counter:count_till", shop, counted="79.00", expected=8000).status_code == 302
    assert "Bea counted it at" in page("bruno", "counter:till", shop).text
    made = HandIn.objects.get()
    assert (made.expected_minor, made.counted_minor, made.to_shop) == (8000, 7900, None)
    assert page("bruno", "counter:withdraw", shop, made.public_id, x="").status_code == 302
    assert fresh(made).state == "WITHDRAWN"


def test_a_shop_receives_only_what_is_meant_for_it(page, collected, grocery, noodles):
    close(page, to=noodles.shop.public_id)
    assert receive(page, "chen", grocery.shop, received="84.00").status_code == 404
    assert receive(page, "chen", noodles.shop, received="84.00").status_code == 404
    made = HandIn.objects.get()
    assert page("bruno", "counter:withdraw", noodles.shop.public_id, made.public_id, x="").status_code == 404
    assert fresh(made).state == "COUNTED"


def test_a_rider_who_works_at_the_shop_does_not_receive_their_own(page, collected, cast, noodles):
    ShopStaff.objects.create(shop=noodles.shop, user=cast.ravi)
    close(page, to=noodles.shop.public_id)
    answer = receive(page, "ravi", noodles.shop, received="84.00")
    assert answer.status_code == 422
    assert "Somebody else has to count" in answer.text


def test_a_press_that_comes_too_late_is_told_who_was_first(page, collected, noodles):
    close(page, to=noodles.shop.public_id)
    made = HandIn.objects.get()
    receive(page, "bea", noodles.shop, received="84.00")
    form = {f"{made.public_id}-received": "83.00", f"{made.public_id}-words": "one short"}
    answer = page("bruno", "counter:receive", noodles.shop.public_id, made.public_id, **form)
    assert answer.status_code == 422
    assert "Bea: ¥84.00" in answer.text
    late = page("ravi", "cash:withdraw", made.public_id, x="")
    assert (late.status_code, "Bea: ¥84.00" in late.text) == (409, True)


@pytest.mark.parametrize("who", ["mallory", "ana", "bruno"])
def test_who_never_carried_has_no_page_of_cash(page, collected, who):
    assert page(who, "cash:mine").status_code == 404
    assert page(who, "cash:close", counted="1").status_code == 404
