"""The passes of the hourly check, each a function that returns its counts; reconcile.py runs them in order.

Each works through keyset pages until nothing is left, and one row that fails stops none of the others. None of them
ever moves an order backwards: what an order should become is decided by settle.apply alone, under the order's lock.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Max, Q, QuerySet

from config.ground import clock
from orders.models import Order
from orders.order.states import PaymentStatus
from payments import asking, differences, ledger, refunds, settle, syncing
from payments.aside import QUICK_TRIES, TRIES, Counts, is_its_own_fault, money_failed
from payments.differences import Found
from payments.models import Attempt, Difference, Disposition, Refund, Run
from payments.services.ask import learn

PAGE = 500
SIDES = 2  # threads that share a long page
MANY = 50  # rows that are a long page
SIDE_BY_SIDE = 64  # attempts asked about in one go
SECONDS = 8.0  # for one such go
ASKING = 150.0  # seconds of a run at most: gateways that hang leave time for the other passes
ROUNDS = 50  # of claimed batches in one run; the next run goes on
FRESH = timedelta(minutes=2)  # younger attempts are asked about by the clock's own schedule
LOOK_BACK = timedelta(hours=48)  # how old orders may be that are compared with their payments
MONEY_TAKEN: Final = (PaymentStatus.PAID, PaymentStatus.PARTLY_REFUNDED, PaymentStatus.REFUNDED)
Kind = Difference.Kind

# One statement, so one moment: money that is applied between two of them would look like a difference.
SUMS = """
SELECT (SELECT coalesce(sum(amount_minor), 0) FROM payments_ledgerposting),
       (SELECT coalesce(-sum(p.amount_minor), 0) FROM payments_ledgerposting p
          JOIN payments_ledgeraccount a ON a.id = p.account_id WHERE a.name = %s),
       (SELECT coalesce(sum(paid_minor - refunded_minor), 0) FROM payments_attempt
         WHERE applied_at IS NOT NULL AND disposition <> 'APPLIED')
"""

logger = logging.getLogger(__name__)


class Unapplied(NamedTuple):
    """Money that is nobody's yet, as a page of them is read."""

    pk: int
    public_id: str
    tries: int
    paid_at: datetime


class Budget:
    """How long a run may still take; the rest is left to the next one."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    @property
    def is_spent(self) -> bool:
        """Whether to stop here."""
        return monotonic() >= self._end


def apply_money(budget: Budget, tries: int = TRIES) -> Counts:
    """Apply every recorded payment that is nobody's yet: the repair of a crash between the two transactions.

    The only thing asked is whether *money* has been applied, never what status an order has, so a finished or
    refunded order cannot come up here. Rows that failed `tries` times are not looked at. A long page is shared by
    SIDES threads: while one waits for the database, the other works.
    """
    done = Counts()
    for page in _unapplied(tries):
        if len(page) < MANY:
            done = _sum(done, _apply(page, budget))
        else:
            with ThreadPoolExecutor(SIDES, thread_name_prefix="apply") as pool:
                shares = [page[side::SIDES] for side in range(SIDES)]
                done = _sum(done, *pool.map(lambda share: _apply_elsewhere(share, budget), shares))
        if budget.is_spent:
            break
    return done._replace(left=Attempt.objects.to_apply().order_by().count())


def _apply(rows: list[Unapplied], budget: Budget) -> Counts:
    looked_at = repaired = aside = 0
    for row in rows:
        looked_at += 1
        try:
            settle.apply(row.public_id)
            repaired += 1
        except Exception as error:
            logger.exception("%s stays unapplied", row.public_id)
            aside += money_failed(row.pk, row.tries, error)
        if budget.is_spent:
            break
    return Counts(looked_at, repaired, aside)


def _apply_elsewhere(rows: list[Unapplied], budget: Budget) -> Counts:
    """The same in a thread of its own, whose connection nobody else would close."""
    try:
        return _apply(rows, budget)
    finally:
        connection.close()


def _sum(*counts: Counts) -> Counts:
    return Counts(*(sum(column) for column in zip(*counts, strict=True)))


def apply_quickly() -> Counts:
    """The same for the round of every 30 s: rows that failed a few times wait for the hourly check."""
    return apply_money(Budget(25), QUICK_TRIES)


def _unapplied(tries: int) -> Iterator[list[Unapplied]]:
    waiting = Attempt.objects.to_apply().filter(apply_tries__lt=tries)
    rows: QuerySet[Any, Any] = waiting.values_list("pk", "public_id", "apply_tries", "paid_at")
    page = [Unapplied(*row) for row in rows[:PAGE]]
    while page:
        yield page
        last = page[-1]
        later = Q(paid_at__gt=last.paid_at) | Q(paid_at=last.paid_at, pk__gt=last.pk)
        page = [Unapplied(*row) for row in rows.filter(later)[:PAGE]]


def ask_everything(budget: Budget) -> Counts:
    """Ask about every attempt that is not settled, also those whose schedule has ended; then what is due after it."""
    looked_at = repaired = 0
    before, own = clock.now() - FRESH, Budget(ASKING)
    waits = Attempt.objects.unsettled().filter(created_at__lte=before).select_related("order__shop").order_by("pk")
    last = 0
    while not (budget.is_spent or own.is_spent) and (page := list(waits.filter(pk__gt=last)[:SIDE_BY_SIDE])):
        heard = asking.side_by_side({one.pk: syncing.question(one) for one in page}, SECONDS)
        for attempt in page:
            looked_at += 1
            repaired += attempt.pk in heard and _learnt(attempt, heard[attempt.pk])
        last = page[-1].pk
    for _round in range(ROUNDS):
        if budget.is_spent or own.is_spent or not (done := syncing.sync_due()):
            break
        looked_at += done
    return Counts(looked_at, repaired, 0, waits.order_by().count())


def _learnt(attempt: Attempt, heard: asking.Heard) -> bool:
    """Write an answer down; True when the attempt is settled by it."""
    try:
        return learn(attempt, heard).state not in Attempt.UNSETTLED
    except Exception as error:
        logger.exception("%s: the next run asks again", attempt)
        is_its_own_fault(error)
        return False


def push_refunds(budget: Budget) -> Counts:
    """Push every refund that is due, then count what only time or a person can end."""
    had, began, looked_at = _aside_refunds(), clock.now(), 0
    for _round in range(ROUNDS):
        if budget.is_spent or not (done := refunds.push_due()):
            break
        looked_at += done
    repaired = Refund.objects.filter(state=Refund.State.SUCCESS, succeeded_at__gte=began).count()
    _report_stuck()
    left = Refund.objects.filter(state__in=Refund.DUE, set_aside_at__isnull=True)
    return Counts(looked_at, repaired, _aside_refunds() - had, left.count())


def _report_stuck() -> None:
    """Every refund that only a person can end stands before one."""
    stuck = Refund.objects.filter(state__in=[Refund.State.ABNORMAL, Refund.State.FAILED]).order_by("pk")
    last = 0
    while page := list(stuck.filter(pk__gt=last).select_related("attempt__order")[:PAGE]):
        for refund in page:
            attempt, facts = refund.attempt, {"state": refund.state, "error": refund.last_error}
            found = Found(kind=Kind.REFUND_STATE, subject=f"refund:{refund.out_refund_no}", channel=attempt.channel,
                          order_ref=attempt.order.public_id, ours_minor=refund.amount_minor, facts=facts)  # fmt: skip
            differences.report(found)
        last = page[-1].pk


def _aside_refunds() -> int:
    return Refund.objects.filter(set_aside_at__isnull=False).count()


def compare_orders(budget: Budget) -> Counts:
    """Orders that say PAID although no attempt was applied to them; nothing is repaired here, a person decides."""
    looked_at = left = 0
    last = since = _looked_at_before()
    paid = Order.objects.filter(payment_status__in=MONEY_TAKEN).order_by("pk")
    while not budget.is_spent and (
        page := list(paid.filter(pk__gt=last).values_list("pk", "public_id", "paid_minor", "method")[:PAGE])
    ):
        applied = Attempt.objects.filter(order__in=[row[0] for row in page], disposition=Disposition.APPLIED)
        covered = set(applied.values_list("order_id", flat=True))
        for pk, public_id, paid_minor, method in page:
            looked_at += 1
            if pk not in covered:
                left += 1
                found = Found(kind=Kind.LOCAL_ONLY, subject=public_id, channel=method, order_ref=public_id,
                              ours_minor=paid_minor, facts={"order": "PAID", "attempt": "none"})  # fmt: skip
                differences.report(found)
        last = page[-1][0]
    return Counts(looked_at, 0, 0, left + _applied_to_unpaid(since))


def _applied_to_unpaid(since: int) -> int:
    """The other way round: money that was applied to an order which does not say so."""
    applied = Attempt.objects.filter(disposition=Disposition.APPLIED, order__pk__gt=since)
    rows = applied.exclude(order__payment_status__in=MONEY_TAKEN).select_related("order")[:PAGE]
    for attempt in rows:
        facts = {"order": attempt.order.payment_status, "attempt": "APPLIED"}
        order_ref, subject = attempt.order.public_id, f"{attempt.channel}:{attempt.out_trade_no}"
        found = Found(kind=Kind.STATE, subject=subject, channel=attempt.channel, order_ref=order_ref,
                      ours_minor=attempt.paid_minor, facts=facts)  # fmt: skip
        differences.report(found)
    return len(rows)


def newest_order() -> int:
    """The primary key up to which a run that begins now compares."""
    return Order.objects.aggregate(last=Max("pk"))["last"] or 0


def _looked_at_before() -> int:
    """The newest order of a run that is old enough: everything up to it was compared when it was paid."""
    earlier = Run.objects.filter(started_at__lte=clock.now() - LOOK_BACK).order_by("-started_at").first()
    return earlier.newest_order if earlier else 0


def add_up(budget: Budget) -> Counts:
    """All postings sum to 0, and suspense holds exactly the money that waits to go back."""
    del budget
    with connection.cursor() as cursor:
        cursor.execute(SUMS, [ledger.SUSPENSE])
        total, suspense, owed_back = map(int, cursor.fetchone())
    sums: tuple[tuple[str, int, int], ...] = (("ledger", total, 0), ("suspense", suspense, owed_back))
    wrong = [(subject, ours, theirs) for subject, ours, theirs in sums if ours != theirs]
    for subject, ours, theirs in wrong:
        differences.report(Found(kind=Kind.AMOUNT, subject=subject, ours_minor=ours, theirs_minor=theirs))
    return Counts(len(sums), 0, 0, len(wrong))


Pass = Callable[[Budget], Counts]
