"""The hourly check, pass by pass: what it repairs, what it never touches, what it sets aside, and that it ends."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction

from config.ground import clock
from orders import services as orders
from orders.actors import SYSTEM
from orders.models import Order
from payments import aside, expiry, passes, reconcile, refunds, settle, syncing
from payments.aside import Counts
from payments.gateways import GATEWAYS
from payments.models import Attempt, Difference, Refund, Run
from payments.passes import Budget
from payments.services import ask_gateway, request_refund
from tests.payments.conftest import until
from tests.payments.paying import at_once, fresh, hear, start
from tests.payments.test_clock import push_now

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def silent(simulator, door):
    simulator.faults(lost=1)
    return simulator


@pytest.fixture
def recorded(silent, make_order):
    """Make orders whose money is recorded and not applied: the process died between the two transactions."""

    def make(count=1):
        attempts = []
        for _ in range(count):
            attempt = start(make_order(paid=False))
            silent.pay(attempt.out_trade_no)
            settle.record_fact("WECHAT", GATEWAYS["WECHAT"].query(attempt.out_trade_no))
            attempts.append(fresh(attempt))
        return attempts

    return make


@pytest.fixture
def poison(monkeypatch):
    """Let applying fail for these attempts, and count how often it was tried."""
    tried, bad, real = [], set(), settle.apply

    def apply(attempt_id):
        tried.append(attempt_id)
        if attempt_id in bad:
            raise ValueError("a value that nothing can read")
        return real(attempt_id)

    monkeypatch.setattr(settle, "apply", apply)
    apply.bad, apply.tried = bad, tried
    return apply


def test_one_poison_row_stops_none_of_the_others(recorded, poison):
    attempts = recorded(5)
    poison.bad.add(attempts[1].public_id)
    assert reconcile.apply_unapplied() == Counts(looked_at=5, repaired=4, set_aside=0, left=1)
    assert len(poison.tried) == 5
    assert [bool(fresh(one).applied_at) for one in attempts] == [True, False, True, True, True]


def test_pages_go_on_until_nothing_is_left(recorded, monkeypatch):
    attempts = recorded(5)
    monkeypatch.setattr(passes, "PAGE", 2)
    Attempt.objects.update(paid_at=attempts[0].paid_at)  # all of one second
    assert passes.apply_money(Budget(60)).repaired == 5


def test_a_row_that_always_fails_is_set_aside_with_its_reason_and_left_alone(recorded, poison):
    """Three quick tries, two hourly ones, then a person."""
    [attempt] = recorded()
    poison.bad.add(attempt.public_id)
    for _ in range(aside.QUICK_TRIES + 4):
        reconcile.apply_unapplied()
    assert len(poison.tried) == aside.QUICK_TRIES
    runs = [reconcile.reconcile() for _ in range(3)]
    assert [run.found["apply"]["set_aside"] for run in runs] == [0, 1, 0]
    assert len(poison.tried) == aside.TRIES
    row = fresh(attempt)
    assert (row.apply_tries, row.set_aside_why) == (aside.TRIES, "ValueError: a value that nothing can read")
    assert row.set_aside_at is not None
    assert aside.waiting() == {"money": 1, "refunds": 0}


def test_a_later_success_brings_it_back(recorded, poison):
    [attempt] = recorded()
    for tries in range(aside.TRIES):
        aside.money_failed(attempt.pk, tries, ValueError("x"))
    assert fresh(attempt).set_aside_at is not None
    ask_gateway(fresh(attempt))
    assert (fresh(attempt).disposition, fresh(attempt).set_aside_at, fresh(attempt).set_aside_why) == (
        "APPLIED",
        None,
        "",
    )


def test_what_the_row_cannot_help_is_not_counted(recorded, monkeypatch):
    [attempt] = recorded()
    tried = []

    def deadlock(attempt_id):
        tried.append(attempt_id)
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(settle, "apply", deadlock)
    for _ in range(aside.TRIES + 1):
        passes.apply_money(Budget(60))
    assert len(tried) == aside.TRIES + 1
    assert (fresh(attempt).apply_tries, fresh(attempt).set_aside_at) == (0, None)


def test_two_rounds_at_once_count_a_failure_once(recorded):
    [attempt] = recorded()
    at_once(*[lambda: aside.money_failed(attempt.pk, 0, ValueError("x"))] * 4)
    assert fresh(attempt).apply_tries == 1


def test_a_refund_that_can_never_be_written_down_is_set_aside(silent, recorded, monkeypatch):
    [attempt] = recorded()
    settle.apply(attempt.public_id)
    refund = request_refund(attempt.order.public_id, amount_minor=100, reason="MANUAL", words="sorry", key="one")
    tried = []

    def breaks(*_):
        tried.append(1)
        raise ValueError("an answer that nothing can read")

    with monkeypatch.context() as broken:
        broken.setattr(refunds.pushing, "write_down", breaks)
        for _ in range(aside.REFUND_TRIES + 3):
            push_now()
    assert len(tried) == aside.REFUND_TRIES
    row = fresh(refund)
    assert row.set_aside_at is not None
    assert (row.set_aside_why, row.next_try_at) == ("ValueError: an answer that nothing can read", None)
    refunds.push(row)
    assert fresh(refund).set_aside_at is None, "a later answer brings it back"


def test_an_attempt_whose_answer_cannot_be_written_down_keeps_to_its_schedule(silent, make_order, monkeypatch):
    attempt = start(make_order(paid=False))
    Attempt.objects.update(next_sync_at=clock.now())
    told = []

    def breaks(*_):
        told.append(1)
        raise ValueError("no")

    monkeypatch.setattr(syncing, "learn", breaks)
    syncing.sync_due()
    assert told == [1]
    assert (fresh(attempt).sync_count, fresh(attempt).last_error) == (1, "ValueError: no")
    assert fresh(attempt).next_sync_at < clock.now() + timedelta(seconds=20)


def finish(order, status):
    """Bring a paid order to where it must stay."""
    if status == "REFUNDED":
        orders.cancel_order(order.public_id, reason="STAFF", words="closed", actor=SYSTEM)
        hear(order, "order.cancelled")
        until(lambda: push_now() + 1 and fresh(order).payment_status == "REFUNDED")
    if status == "PARTLY_REFUNDED":
        refund = request_refund(order.public_id, amount_minor=100, reason="MANUAL", words="sorry", key="one")
        until(lambda: push_now() + 1 and fresh(refund).state == "SUCCESS")


@pytest.mark.parametrize("status", ["REFUNDED", "PARTLY_REFUNDED"])
def test_an_order_whose_money_went_back_is_never_moved_back(status, silent, recorded):
    """`payment succeeded and order not PAID` is true for every refunded order: that is never what is asked."""
    [attempt] = recorded()
    settle.apply(attempt.public_id)
    finish(attempt.order, status)
    before = (fresh(attempt.order).status, fresh(attempt.order).payment_status, fresh(attempt.order).version)
    assert before[1] == status
    run = reconcile.reconcile()
    assert reconcile.apply_unapplied() == Counts()
    assert run.found["apply"]["looked_at"] == 0
    order = fresh(attempt.order)
    assert (order.status, order.payment_status, order.version) == before
    assert Difference.objects.count() == 0


@pytest.mark.parametrize("status", ["COMPLETED", "ON_DELIVERY"])
def test_a_finished_order_is_never_moved_back(status, silent, make_order):
    order = make_order(status)
    version = fresh(order).version
    reconcile.reconcile()
    assert (fresh(order).status, fresh(order).version) == (status, version)


def test_everything_unsettled_is_asked_also_when_its_schedule_has_ended(silent, make_order):
    attempt = start(make_order(paid=False))
    silent.pay(attempt.out_trade_no)
    until(lambda: silent.fired("lost"))
    Attempt.objects.filter(pk=attempt.pk).update(next_sync_at=None, created_at=clock.now() - timedelta(hours=3))
    run = reconcile.reconcile()
    assert (run.found["ask"]["repaired"], fresh(attempt).disposition) == (1, "APPLIED")


def test_orders_paid_without_a_payment_and_the_other_way_round_are_reported(recorded, make_order):
    strange = make_order()
    run = reconcile.reconcile()
    found = Difference.objects.get()
    assert (found.kind, found.order_ref, run.found["orders"]["left"]) == ("LOCAL_ONLY", strange.public_id, 1)
    reconcile.reconcile()
    assert Difference.objects.count() == 1


def test_a_pass_that_breaks_stops_none_of_the_others(recorded, monkeypatch):
    def breaks(_budget):
        raise ValueError("the pass is ill")

    recorded(1)
    monkeypatch.setitem(reconcile.PASSES, "ask", breaks)
    run = reconcile.reconcile()
    assert run.found["ask"]["error"] == "ValueError: the pass is ill"
    assert "ask: ValueError" in run.error
    assert run.found["apply"]["repaired"] == 1
    assert set(run.found) == set(reconcile.PASSES)


def test_a_run_without_time_left_leaves_the_rest_and_says_how_much(recorded):
    recorded(3)
    run = reconcile.reconcile(seconds=0)
    assert (run.found["apply"]["looked_at"], run.found["apply"]["left"]) == (1, 2)
    assert run.ended_at
    assert reconcile.reconcile().found["apply"]["repaired"] == 2


def test_a_second_run_at_once_returns_none_and_the_lock_goes_with_the_first(recorded, monkeypatch):
    """The lock is on a connection of its own: transactions and reconnections of the work do not touch it."""
    inside, go_on, results = threading.Event(), threading.Event(), []

    def slow(_budget):
        connection.close()  # as a server restart or a pool would
        inside.set()
        assert go_on.wait(20)
        return Counts()

    monkeypatch.setattr(reconcile, "PASSES", {"slow": slow})

    def run():
        results.append(reconcile.reconcile())
        connection.close()

    first = threading.Thread(target=run)
    first.start()
    assert inside.wait(20)
    assert reconcile.reconcile() is None
    assert Run.objects.count() == 1
    go_on.set()
    first.join(20)
    assert results[0].ended_at
    monkeypatch.setattr(reconcile, "PASSES", {})
    assert reconcile.reconcile() is not None
    assert reconcile.reconcile() is not None, "nothing holds the lock in a kept connection"


def test_a_run_that_loses_its_lock_stops_and_says_so(recorded, monkeypatch):
    ran = []

    def cut(_budget):
        ran.append("cut")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s",
                [reconcile.LOCK],
            )
            assert cursor.fetchone() == (True,)
        return Counts()

    monkeypatch.setattr(reconcile, "PASSES", {"cut": cut, "more": lambda _budget: ran.append("more")})
    run = reconcile.reconcile()
    assert ran == ["cut"]
    assert "the lock was lost" in run.error
    assert run.ended_at


@pytest.fixture
def crowd(make_order):
    """Twenty thousand finished payments and refunds of one order: a table in which a scan of everything costs."""
    order = make_order()
    due = clock.now()
    first = Attempt.objects.create(
        order=order, seq=1, channel="WECHAT", merchant_account="x", out_trade_no="crowd-1", form="native",
        amount_minor=1, gateway_expires_at=due, state="SUCCESS", paid_minor=1, paid_at=due, gateway_txn_no="crowd-1",
        applied_at=due, disposition="LATE",
    )  # fmt: skip
    refund = Refund.objects.create(
        attempt=first, idempotency_key="1", amount_minor=1, reason="MANUAL", state="SUCCESS", succeeded_at=due,
        next_try_at=None,
    )  # fmt: skip
    own = {
        "payments_attempt": (
            {
                "public_id": "'crowd-' || n",
                "out_trade_no": "'crowd-' || n",
                "seq": "n",
                "gateway_txn_no": "'crowd-' || n",
            },
            first.pk,
        ),
        "payments_refund": ({"out_refund_no": "'crowd-' || n", "idempotency_key": "n"}, refund.pk),
        "orders_order": ({"public_id": "'crowd-' || n", "status": "'COMPLETED'", "payment_status": "'PAID'"}, order.pk),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for model in (Order, Attempt, Refund):
            table = model._meta.db_table
            made, pk = own[table]
            same = [f'"{f.column}"' for f in model._meta.concrete_fields if f.column not in {"id", *made}]
            cursor.execute(
                f"INSERT INTO {table} ({', '.join([*made, *same])}) SELECT {', '.join([*made.values(), *same])}"
                f" FROM {table}, generate_series(2, 20000) n WHERE id = %s",
                [pk],
            )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_order, payments_attempt, payments_refund")


def test_no_sweep_reads_what_is_finished(crowd):
    """The plans of the statements that really run, with sequential scans allowed: partial indexes only."""
    now = clock.now()
    sweeps = {
        "money_not_yet_applied": Attempt.objects.to_apply().filter(apply_tries__lt=5)[:500],
        "attempts_due_to_sync": syncing.due(now)[:200],
        "attempts_unsettled": Attempt.objects.unsettled().filter(pk__gt=0).order_by("pk")[:64],
        "refunds_due": refunds.pushing.due(now)[:100],
        "orders_waiting_for_money": expiry.due()[:200],
        "money_set_aside": Attempt.objects.set_aside()[:100],
    }
    for index, rows in sweeps.items():
        plan = rows.explain()
        assert index in plan, plan
        assert "Seq Scan on payments_attempt" not in plan or index == "orders_waiting_for_money", plan
        assert "Seq Scan on orders_order" not in plan, plan
        assert "Seq Scan on payments_refund" not in plan, plan


def test_the_books_are_added_up_at_one_moment(recorded, django_assert_num_queries):
    """Two statements would see money that is applied between them in one sum and not in the other."""
    order = recorded()[0].order
    orders.cancel_order(order.public_id, reason="CUSTOMER", actor=SYSTEM)
    passes.apply_money(Budget(60))  # late: it lies in suspense until it is back
    with django_assert_num_queries(1):
        counts = passes.add_up(Budget(60))
    assert (counts.looked_at, counts.left) == (2, 0)
    assert not Difference.objects.exists()


def test_a_long_page_is_shared_and_each_row_applied_once(recorded, poison, monkeypatch):
    attempts = recorded(7)
    poison.bad.add(attempts[2].public_id)
    monkeypatch.setattr(passes, "MANY", 2)
    assert reconcile.apply_unapplied() == Counts(looked_at=7, repaired=6, set_aside=0, left=1)
    assert sorted(poison.tried) == sorted(one.public_id for one in attempts)
    assert fresh(attempts[2]).apply_tries == 1
