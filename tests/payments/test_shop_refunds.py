"""The shop returns money of an order it accepted: who may, how much, once, in words; and cash counted out by hand."""

from datetime import timedelta

import pytest
from django.test import Client

from config.ground import clock
from orders import services
from orders.actors import SYSTEM, as_customer, as_merchant, as_rider
from orders.models import Order
from payments import ledger, refunds
from payments.models import Refund
from payments.services import collect_cash, refund_by_shop
from tests.conftest import walk
from tests.payments.paying import at_once, fresh
from tests.payments.test_returns import all_back, pay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def accepted(make_order, cast):
    """Ana's order, paid by WeChat and accepted."""
    order = make_order(paid=False)
    pay(order)
    return walk(fresh(order), "CONFIRMED", cast)


@pytest.fixture
def bruno(cast):
    client = Client()
    client.force_login(cast.bruno)
    return client


def address(order, tail="refund/"):
    return f"/merchant/{order.shop.public_id}/orders/{order.public_id}/{tail}"


def form(order, **changes):
    left = order.total_minor - sum(Refund.objects.values_list("amount_minor", flat=True))
    return {"what": "all", "amount": "", "words": "The soup was cold", "key": "k1", "left": left} | changes


def press(client, order, **changes):
    return client.post(address(order), form(order, sure="yes", **changes))


def test_the_dialog_names_what_is_left_and_each_line(accepted, bruno):
    page = bruno.get(address(accepted))
    for said in ("At most ¥84.00 can still be returned.", "2 × Beef noodles", "¥58.00", "1 × Dumplings", "¥22.00"):
        assert said in page.text, said


def test_the_amount_stands_in_the_button_before_anything_happens(accepted, bruno):
    page = bruno.post(address(accepted), form(accepted, what="some", amount="12.5"))
    assert "Return ¥12.50</button>" in page.text
    assert "“The soup was cold”" in page.text
    assert not Refund.objects.exists()


def test_all_that_is_left_goes_back_and_says_who_and_why(accepted, bruno, cast):
    answer = press(bruno, accepted)
    assert answer["Location"] == address(accepted, "")
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.reason, refund.words) == (accepted.total_minor, "MERCHANT", "The soup was cold")
    assert refund.actor == f"merchant:{cast.bruno.public_id}"
    page = bruno.get(answer["Location"])
    for said in ("Returned by the shop: The soup was cold", "Requested", "Bruno"):
        assert said in page.text, said
    assert "Return money…" not in page.text


def test_an_amount_and_then_a_line_of_it(accepted, bruno):
    press(bruno, accepted, what="some", amount="10")
    press(bruno, accepted, what="line-2", key="k2")
    amounts = Refund.objects.order_by("pk").values_list("amount_minor", "line_no")
    assert list(amounts) == [(1000, None), (2200, 2)]
    assert "Dumplings · The soup was cold" in bruno.get(address(accepted, "")).text


def test_a_line_goes_back_once(accepted, bruno):
    """Chosen again by another press, nothing of it is left."""
    press(bruno, accepted, what="line-2")
    assert "2 × Beef noodles" in bruno.get(address(accepted)).text
    assert "1 × Dumplings" not in bruno.get(address(accepted)).text
    again = press(bruno, accepted, what="line-2", key="k2")
    assert (again.status_code, Refund.objects.count()) == (422, 1)
    assert "Nothing of this line is left to return." in again.text


def test_pressing_twenty_times_at_once_is_one_refund(accepted, cast):
    """The number in the form makes a double click one."""
    give = {"amount_minor": 500, "words": "cold", "key": "same", "actor": as_merchant(cast.bruno)}
    found = at_once(*[lambda: refund_by_shop(accepted.public_id, **give).pk] * 20)
    assert len(set(found)) == 1, found
    assert Refund.objects.count() == 1


def test_a_colleague_who_saw_an_older_page_is_told(accepted, bruno, cast):
    """Two people in the shop do not return the same money twice by chance."""
    bea = Client()
    bea.force_login(cast.bea)
    press(bruno, accepted, what="some", amount="10")
    late = press(bea, accepted, what="some", amount="10", key="k2", left=accepted.total_minor)
    assert (late.status_code, Refund.objects.count()) == (409, 1)
    assert "At most ¥74.00 is left now" in late.text
    assert press(bea, accepted, what="some", amount="10", key="k2").status_code == 302


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.005", "84.01", "1e3", "NaN", "x", "１２", "99999999"])
def test_a_bad_amount_is_an_error_at_its_field_that_says_what_is_left(accepted, bruno, amount):
    for sure in ("", "yes"):
        page = bruno.post(address(accepted), form(accepted, what="some", amount=amount, sure=sure))
        assert page.status_code == 422
        assert "id_amount-error" in page.text
        assert "At most ¥84.00 can still be returned." in page.text
        assert "The soup was cold" in page.text, "what was typed is kept"
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    "changes", [{"words": " "}, {"what": ""}, {"what": "line-9"}, {"what": "line-x"}, {"what": "!"}]
)
def test_a_form_without_a_reason_or_a_choice_is_refused(accepted, bruno, changes):
    assert press(bruno, accepted, **changes).status_code == 422
    assert not Refund.objects.exists()


def test_an_order_that_was_not_answered_is_rejected_instead(make_order, bruno):
    order = make_order(paid=False)
    pay(order)
    page = bruno.get(address(order))
    assert page.status_code == 409
    assert "Reject it, and everything goes back by itself." in page.text


def test_an_unpaid_order_is_not_there(make_order, bruno):
    assert bruno.get(address(make_order(paid=False))).status_code == 404


def test_an_order_that_ended_can_be_returned_for_thirty_days(accepted, bruno, cast, settings):
    order = walk(accepted, "COMPLETED", cast)
    assert press(bruno, order, what="some", amount="1").status_code == 302
    Order.objects.filter(pk=order.pk).update(ended_at=clock.now() - timedelta(days=settings.SHOP_REFUND_DAYS, hours=1))
    page = press(bruno, order, what="some", amount="1", key="k2")
    assert (page.status_code, Refund.objects.count()) == (409, 1)
    assert "until 30 days after the end" in page.text


def test_a_cancelled_order_goes_back_by_itself(accepted, bruno):
    services.cancel_order(accepted.public_id, reason="STAFF", actor=SYSTEM)
    assert bruno.get(address(accepted)).status_code == 409


@pytest.mark.parametrize("who", ["mallory", "ana", "chen", "ravi"])
def test_nobody_else_may(who, accepted, cast):
    client = Client()
    client.force_login(getattr(cast, who))
    assert client.get(address(accepted)).status_code == 404
    assert press(client, accepted).status_code == 404
    assert not Refund.objects.exists()


def test_another_shops_owner_cannot_name_this_order_below_his_own_shop(accepted, grocery, cast):
    client = Client()
    client.force_login(cast.chen)
    path = address(accepted).replace(accepted.shop.public_id, grocery.shop.public_id)
    assert client.post(path, form(accepted, sure="yes")).status_code == 404


def test_what_the_shop_returned_is_not_returned_again_by_cancelling(accepted, bruno):
    press(bruno, accepted, what="some", amount="10")
    all_back()
    assert fresh(accepted).payment_status == "PARTLY_REFUNDED"
    assert "−¥10.00" in bruno.get(address(accepted, "")).text


# ── cash ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def owed_in_cash(simulator, make_order, cast, bruno):
    """Ana paid ravi in cash; the shop returns ten yuan of it, which somebody has to count out."""
    order = make_order("ON_DELIVERY", method="CASH")
    collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor)
    order = services.complete_order(order.public_id, actor=as_rider(cast.ravi))
    assert press(bruno, order, what="some", amount="10").status_code == 302
    refunds.push_due()
    refund = Refund.objects.get()
    assert refund.state == "PROCESSING"
    return order, refund


def count_out(client, order, refund, receipt="R-000042", **more):
    path = f"/merchant/{order.shop.public_id}/cash-back/{refund.out_refund_no}/"
    return client.post(path, {"receipt": receipt} | more)


def test_cash_to_give_back_is_listed_until_it_is_counted_out(owed_in_cash, bruno, cast):
    order, refund = owed_in_cash
    board = f"/merchant/{order.shop.public_id}/"
    assert "1 customer waits for ¥10.00 in cash." in bruno.get(board).text
    listed = bruno.get(f"{board}cash-back/")
    assert f"#{order.number}" in listed.text
    assert "I gave ¥10.00 back" in listed.text
    assert count_out(bruno, order, refund, back="list")["Location"] == f"{board}cash-back/"
    refund = fresh(refund)
    assert (refund.state, refund.way, refund.reference) == ("SUCCESS", "CASH", "R-000042")
    assert refund.paid_out_by == f"merchant:{cast.bruno.public_id}"
    assert (fresh(order).payment_status, fresh(order).returned_minor) == ("PARTLY_REFUNDED", 1000)
    assert "No customer waits for cash." in bruno.get(f"{board}cash-back/").text
    assert "in cash." not in bruno.get(board).text
    assert "R-000042" in bruno.get(address(order, "")).text


def test_the_books_take_it_out_of_the_shops_till(owed_in_cash, bruno, cast):
    """The rider still holds what ana gave him; the shop's own cash is less."""
    order, refund = owed_in_cash
    count_out(bruno, order, refund)
    assert ledger.balance(f"cash:rider:{cast.ravi.public_id}") == order.total_minor
    tills = [name for name in refund_postings(refund) if name.startswith("cash:merchant:")]
    assert [refund_postings(refund)[name] for name in tills] == [-1000]
    assert refund_postings(refund)["revenue:MEAL"] == 1000


def refund_postings(refund):
    entry = ledger.LedgerEntry.objects.get(ref=f"refund:{refund.out_refund_no}")
    return dict(entry.postings.values_list("account__name", "amount_minor"))


def test_counting_out_twice_is_once_and_another_receipt_is_refused(owed_in_cash, bruno):
    order, refund = owed_in_cash
    assert [count_out(bruno, order, refund).status_code for _again in range(2)] == [302, 302]
    other = count_out(bruno, order, refund, "R-000043")
    assert other.status_code == 409
    assert "Do not give it back a second time." in other.text
    assert fresh(order).returned_minor == 1000


def test_twenty_hands_at_once_count_it_out_once(owed_in_cash, cast):
    order, refund = owed_in_cash
    pay_out = [
        lambda n=n: refunds.pay_out(refund.out_refund_no, reference=f"R-00000{n}", actor=as_merchant(cast.bruno))
        for n in range(20)
    ]
    results = at_once(*pay_out)
    assert sum(isinstance(one, Refund) for one in results) == 1, results
    assert fresh(order).returned_minor == 1000


@pytest.mark.parametrize("receipt", ["", "x", "№ 1", "a" * 33, "R 000042"])
def test_a_strange_receipt_is_refused_where_it_was_typed(owed_in_cash, bruno, receipt):
    order, refund = owed_in_cash
    page = count_out(bruno, order, refund, receipt, back="list")
    assert (page.status_code, fresh(refund).state) == (422, "PROCESSING")
    assert "6 to 32 letters" in page.text


def test_nobody_of_another_shop_counts_it_out(owed_in_cash, grocery, cast):
    order, refund = owed_in_cash
    client = Client()
    client.force_login(cast.chen)
    assert count_out(client, order, refund).status_code == 404
    own = f"/merchant/{grocery.shop.public_id}/cash-back/{refund.out_refund_no}/"
    assert client.post(own, {"receipt": "R-000042"}).status_code == 404
    assert fresh(refund).state == "PROCESSING"


def test_what_a_gateway_returns_is_not_counted_out_by_hand(accepted, bruno):
    press(bruno, accepted)
    answer = count_out(bruno, accepted, Refund.objects.get())
    assert (answer.status_code, Refund.objects.get().state) == (409, "REQUESTED")
    assert "would return it twice" in answer.text


def test_the_customer_reads_that_it_is_back_in_their_hands(owed_in_cash, bruno, cast):
    order, refund = owed_in_cash
    count_out(bruno, order, refund)
    ana = Client()
    ana.force_login(cast.ana)
    assert as_customer(cast.ana).account == cast.ana.public_id
    page = ana.get(f"/orders/{order.public_id}/")
    assert "Back in your hands, in cash" in page.text
    assert "From the shop: The soup was cold" in page.text
