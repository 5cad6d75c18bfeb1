"""Cash on its way to the bank: counted by who has it, counted again by who receives it, nothing missing in silence."""

import threading

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from orders.actors import as_merchant, as_rider, as_staff
from payments import ledger
from payments.cash.in_hand import everybody, in_hand, pocket, shift, till
from payments.cash.refusals import (
    CashMoved,
    CountAbsurd,
    DifferenceSaysWhy,
    HandInOver,
    HandInWaits,
    NoSuchPlace,
    NothingInHand,
    OwnCash,
)
from payments.models import Attempt, Difference, HandIn, LedgerEntry
from payments.refunds import pay_out
from payments.services import cash as collecting
from payments.services import collect_cash, hand_in_cash, receive_cash, request_refund, withdraw_hand_in
from tests.payments.paying import at_once, fresh

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def collected(make_order, cast):
    """An order at the door whose cash ravi took."""

    def make(receipt=""):
        order = make_order("ON_DELIVERY", method="CASH")
        collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor, receipt=receipt)
        return fresh(order)

    return make


def counts(cast, counted_minor, expected_minor=None, **more):
    expected = counted_minor if expected_minor is None else expected_minor
    facts = {"counted_minor": counted_minor, "expected_minor": expected, "by": cast.ravi} | more
    return hand_in_cash(pocket(cast.ravi), **facts)


def receives(hand_in, amount_minor, by, words=""):
    return receive_cash(hand_in.public_id, received_minor=amount_minor, words=words, by=by)


def held(cast):
    return ledger.balance(ledger.pocket_of(cast.ravi))


def adds_up():
    return sum(row.balance_minor for row in ledger.trial_balance()) == 0


def test_the_rider_hands_in_at_the_depot_and_the_bank_has_it(collected, cast):
    total = collected().total_minor + collected("R-000001").total_minor
    hand_in = counts(cast, total)
    assert (held(cast), hand_in.state) == (total, "COUNTED")  # until somebody has counted it again it is his
    receives(hand_in, total, cast.sam)
    assert (held(cast), ledger.balance("bank")) == (0, total)
    assert ledger.balance("expense:cash_difference") == 0
    assert Difference.objects.count() == 0
    assert adds_up()


def test_a_shop_that_receives_it_has_it_in_its_till_and_hands_that_in(collected, cast, noodles):
    total = collected().total_minor
    receives(counts(cast, total, to_shop=noodles.shop.public_id), total, cast.bea)
    assert ledger.balance(ledger.till_of(noodles.shop)) == total
    drawer = hand_in_cash(till(noodles.shop), counted_minor=total, expected_minor=total, by=cast.bea)
    receives(drawer, total, cast.sam)
    assert (ledger.balance(ledger.till_of(noodles.shop)), ledger.balance("bank")) == (0, total)


def test_what_people_take_at_the_counter_lies_in_one_till(make_order, cast, noodles):
    for person in (cast.bruno, cast.bea):
        order = make_order("READY", method="CASH", collects=True)
        collect_cash(order.public_id, actor=as_merchant(person), amount_minor=order.total_minor)
    assert ledger.balance(ledger.till_of(noodles.shop)) == 2 * order.total_minor
    assert [cash.order.public_id for cash in shift(ledger.till_of(noodles.shop))][-1] == order.public_id


@pytest.mark.parametrize("off_by", [-250, 300])
def test_a_difference_is_booked_reported_and_told(collected, cast, off_by):
    total = collected().total_minor
    hand_in = receives(counts(cast, total), total + off_by, cast.sam, words="a note was missing")
    assert (held(cast), ledger.balance("bank")) == (0, total + off_by)
    assert ledger.balance("expense:cash_difference") == -off_by
    assert fresh(hand_in).difference_minor == off_by
    told = Difference.objects.get()
    assert (told.subject, told.ours_minor, told.theirs_minor) == (f"cash:{hand_in.public_id}", total, total + off_by)
    assert adds_up()


def test_all_of_it_may_be_missing(collected, cast):
    total = collected().total_minor
    receives(counts(cast, 0, total), 0, cast.sam, words="stolen with the bag")
    assert (held(cast), ledger.balance("bank"), ledger.balance("expense:cash_difference")) == (0, 0, total)


def test_pressing_twice_at_once_is_one_hand_in(collected, cast):
    total = collected().total_minor
    made = at_once(*[lambda: counts(cast, total).pk] * 5)
    assert len(set(made)) == 1
    assert HandIn.objects.count() == 1


def test_receiving_twice_at_once_moves_the_books_once(collected, cast):
    total = collected().total_minor
    hand_in = counts(cast, total)
    assert {row.pk for row in at_once(*[lambda: receives(hand_in, total, cast.sam)] * 5)} == {hand_in.pk}
    assert LedgerEntry.objects.filter(kind="CASH").count() == 1
    with pytest.raises(HandInOver):
        receives(hand_in, total - 1, cast.sam, words="counted again")
    with pytest.raises(HandInOver):
        receives(hand_in, total, cast.bea)


def test_taking_it_back_or_receiving_it_one_of_them_wins(collected, cast):
    total = collected().total_minor
    hand_in = counts(cast, total)
    at_once(lambda: withdraw_hand_in(hand_in.public_id), lambda: receives(hand_in, total, cast.sam))
    state = fresh(hand_in).state
    assert (state, held(cast)) in {("WITHDRAWN", total), ("CONFIRMED", 0)}


def test_cash_that_is_taken_while_the_shift_closes_is_in_one_shift(make_order, collected, cast):
    """Whoever comes second waits: the payment is part of this hand-in, or the rider counts again, or it is the next."""
    for _round in range(6):
        collected()
        expected = held(cast)
        order = make_order("ON_DELIVERY", method="CASH")
        said = at_once(
            lambda order=order: collect_cash(
                order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor
            ),
            lambda expected=expected: counts(cast, expected),
        )
        moved = isinstance(said[1], CashMoved)
        made = counts(cast, expected + order.total_minor) if moved else said[1]
        assert isinstance(said[0], Attempt), said
        receives(made, made.expected_minor, cast.sam)
        assert held(cast) + made.expected_minor == expected + order.total_minor
        assert sum(cash.amount_minor for cash in shift(ledger.pocket_of(cast.ravi))) == held(cast)
    assert adds_up()


def test_money_that_a_crash_left_unbooked_is_booked_before_it_is_counted(make_order, cast, monkeypatch):
    order = make_order("ON_DELIVERY", method="CASH")
    crashed = []

    def crash(_attempt_id):
        crashed.append(1)
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(collecting.settle, "apply", crash)
        with pytest.raises(RuntimeError):
            collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor)
    assert crashed
    assert held(cast) == 0
    hand_in = counts(cast, order.total_minor)
    assert (hand_in.expected_minor, held(cast)) == (order.total_minor, order.total_minor)


def test_a_payment_that_support_has_to_look_at_does_not_hold_the_shift_up(make_order, collected, cast, monkeypatch):
    """What was set aside is on support's list; the rest can be handed in."""
    total = collected().total_minor
    poison = make_order("ON_DELIVERY", method="CASH")
    with monkeypatch.context() as patched:
        patched.setattr(collecting.settle, "apply", lambda _attempt_id: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            collect_cash(poison.public_id, actor=as_rider(cast.ravi), amount_minor=poison.total_minor)
    unbooked = Attempt.objects.filter(applied_at=None)
    assert unbooked.count() == 1
    unbooked.update(set_aside_at=poison.placed_at, set_aside_why="bad data")
    assert counts(cast, total).expected_minor == total


def test_collecting_waits_for_a_count_that_is_under_way(make_order, collected, cast):
    """The lock is really held: the payment is written only after the transaction that counts has ended."""
    collected()
    order, done = make_order("ON_DELIVERY", method="CASH"), threading.Event()

    def collect():
        collect_cash(order.public_id, actor=as_rider(cast.ravi), amount_minor=order.total_minor)
        done.set()
        connection.close()

    with transaction.atomic():
        ledger.hold(ledger.pocket_of(cast.ravi))
        thread = threading.Thread(target=collect)
        thread.start()
        assert not done.wait(0.5)
    thread.join(timeout=20)
    assert done.is_set()


def test_refuses_what_cannot_be(collected, cast, noodles):
    with pytest.raises(NothingInHand):
        counts(cast, 0)
    total = collected().total_minor
    with pytest.raises(CashMoved):
        counts(cast, total - 100)
    with pytest.raises(CountAbsurd):
        counts(cast, -1, total)
    with pytest.raises(CountAbsurd):
        counts(cast, total * 100, total)
    with pytest.raises(NoSuchPlace):
        counts(cast, total, to_shop="res_elsewhere")
    assert HandIn.objects.count() == 0
    hand_in = counts(cast, total)
    with pytest.raises(HandInWaits):
        counts(cast, total - 1, total)
    for refused, facts in {
        OwnCash: (total, cast.ravi, ""),
        CountAbsurd: (total * 100, cast.sam, "so much"),
        DifferenceSaysWhy: (total - 1, cast.sam, "  "),
    }.items():
        amount, by, words = facts
        with pytest.raises(refused):
            receives(hand_in, amount, by, words)
    assert fresh(hand_in).state == "COUNTED"


def test_nobody_receives_the_till_they_counted_themselves(make_order, cast, noodles):
    order = make_order("READY", method="CASH", collects=True)
    collect_cash(order.public_id, actor=as_merchant(cast.bruno), amount_minor=order.total_minor)
    cast.bruno.is_staff = True
    cast.bruno.save()
    made = hand_in_cash(
        till(noodles.shop), counted_minor=order.total_minor, expected_minor=order.total_minor, by=cast.bruno
    )
    with pytest.raises(OwnCash):
        receives(made, order.total_minor, cast.bruno)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments_handin SET received_minor = 1",
        "UPDATE payments_handin SET state = 'WITHDRAWN', received_minor = NULL, received_by_id = NULL",
        "UPDATE payments_handin SET words = 'never mind'",
        "DELETE FROM payments_handin",
    ],
)
def test_what_was_received_stays(collected, cast, statement):
    total = collected().total_minor
    hand_in = receives(counts(cast, total), total - 1, cast.sam, words="one fen short")
    with pytest.raises((IntegrityError, ProgrammingError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert (fresh(hand_in).received_minor, fresh(hand_in).words) == (total - 1, "one fen short")


@pytest.mark.parametrize("column", ["expected_minor", "counted_minor", "up_to"])
def test_what_was_counted_stays(collected, cast, column):
    counts(cast, collected().total_minor)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE payments_handin SET {column} = {column} + 1")


def test_one_hand_in_waits_at_a_time_and_one_taken_back_makes_room(collected, cast):
    total = collected().total_minor
    first = counts(cast, total)
    with pytest.raises(IntegrityError):
        HandIn.objects.create(
            holder=first.holder, rider=cast.ravi, expected_minor=1, up_to=0, opened_at=first.opened_at,
            counted_minor=1, counted_by=cast.ravi,
        )  # fmt: skip
    withdraw_hand_in(first.public_id)
    withdraw_hand_in(first.public_id)
    second = counts(cast, total)
    receives(second, total, cast.sam)
    assert (second.pk != first.pk, held(cast)) == (True, 0)
    with pytest.raises(HandInOver):
        withdraw_hand_in(second.public_id)


@pytest.mark.parametrize("who", ["merchant", "staff", "rider"])
def test_cash_that_is_given_back_comes_out_of_where_that_person_has_it(collected, cast, noodles, who):
    """The shop's till, the rider's pocket; support pays out of the depot's money."""
    order = collected()
    refund = request_refund(order.public_id, amount_minor=500, reason="MANUAL", key="k", words="cold soup")
    actor = {"merchant": as_merchant(cast.bea), "staff": as_staff(cast.sam), "rider": as_rider(cast.ravi)}[who]
    pay_out(refund.out_refund_no, reference="OUT-000001", actor=actor)
    accounts = {"merchant": ledger.till_of(noodles.shop), "staff": "bank", "rider": ledger.pocket_of(cast.ravi)}
    assert ledger.balance(accounts[who]) == (order.total_minor - 500 if who == "rider" else -500)
    assert ledger.balance("revenue:MEAL") == 500 - order.total_minor
    assert adds_up()


def test_support_sees_who_holds_how_much_since_when(collected, make_order, cast, noodles):
    order = collected()
    counter = make_order("READY", method="CASH", collects=True)
    collect_cash(counter.public_id, actor=as_merchant(cast.bea), amount_minor=counter.total_minor)
    rows = everybody()
    assert [(row.holder.rider, row.holder.shop, row.in_hand.amount_minor) for row in rows] == [
        (cast.ravi, None, order.total_minor),
        (None, noodles.shop, counter.total_minor),
    ]
    assert rows[0].in_hand.since == LedgerEntry.objects.order_by("pk").first().booked_at
    receives(counts(cast, order.total_minor), order.total_minor, cast.sam)
    assert [row.holder.shop for row in everybody()] == [noodles.shop]
    assert in_hand(ledger.pocket_of(cast.ravi)).since is None
