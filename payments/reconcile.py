"""The hourly check: our own books agree with themselves, and every open question gets its answer.

Called by tasks.py. Works through keyset pages until nothing is left, keeps going when one row fails, and leaves a
Run behind also when it found nothing. What it cannot repair becomes a Difference for support.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, Max, Q, Sum

from config.ground import clock
from orders.models import Order
from orders.order.states import PaymentStatus
from payments import ledger, refunds, settle, syncing
from payments.models import Attempt, Difference, Disposition, LedgerPosting, Refund, Run

LOCK = 0x10C4_57EB  # advisory: one run at a time in the whole installation
PAGE = 500
ROUNDS = 50  # of claimed batches in one run; the next run goes on
LOOK_BACK = timedelta(hours=48)  # how old orders may be that are compared with their payments
MONEY_TAKEN = (PaymentStatus.PAID, PaymentStatus.PARTLY_REFUNDED, PaymentStatus.REFUNDED)

logger = logging.getLogger(__name__)


def reconcile() -> Run | None:
    """Check and repair once; None when another run is at work."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
        try:
            return _run()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def apply_unapplied() -> dict[str, int]:
    """Apply every recorded payment that is nobody's yet: the repair of a crash between the two transactions."""
    applied = failed = 0
    last = None
    while page := _unapplied_page(last):
        for attempt in page:
            try:
                settle.apply(attempt.public_id)
                applied += 1
            except Exception:
                logger.exception("%s stays unapplied", attempt)
                failed += 1
        last = page[-1]
    return {"applied": applied, "unapplied": failed}


def _unapplied_page(last: Attempt | None) -> list[Attempt]:
    page = Attempt.objects.unapplied()
    if last is not None:
        page = page.filter(Q(paid_at__gt=last.paid_at) | Q(paid_at=last.paid_at, pk__gt=last.pk))
    return list(page[:PAGE])


def _run() -> Run:
    run = Run.objects.create(newest_order=Order.objects.aggregate(last=Max("pk"))["last"] or 0)
    steps: tuple[Callable[[], dict[str, int]], ...] = (
        apply_unapplied,
        _ask_everything_due,
        _push_every_refund,
        _paid_without_payment,
        _ledger_sums,
        _count_what_waits,
    )
    for step in steps:
        try:
            run.found |= step()
        except Exception as error:
            logger.exception("reconcile: %s failed", step.__name__)
            run.error = f"{run.error} {step.__name__}: {error}".strip()[:300]
    run.ended_at = clock.now()
    run.save()
    return run


def _ask_everything_due() -> dict[str, int]:
    return {"asked": _until_empty(syncing.sync_due)}


def _push_every_refund() -> dict[str, int]:
    return {"refunds_pushed": _until_empty(refunds.push_due)}


def _until_empty(claim: Callable[[], int]) -> int:
    total = 0
    for _round in range(ROUNDS):
        done = claim()
        total += done
        if not done:
            break
    return total


def _paid_without_payment() -> dict[str, int]:
    """Orders that say PAID although no attempt was applied to them."""
    found, last = 0, _looked_at_before()
    paid = Order.objects.filter(payment_status__in=MONEY_TAKEN).order_by("pk")
    while page := list(paid.filter(pk__gt=last).values_list("pk", "public_id", "paid_minor")[:PAGE]):
        applied = Attempt.objects.filter(order__in=[row[0] for row in page], disposition=Disposition.APPLIED)
        covered = set(applied.values_list("order_id", flat=True))
        missing = [row for row in page if row[0] not in covered]
        for _pk, public_id, paid_minor in missing:
            open_difference(Difference.Kind.LOCAL_ONLY, public_id, ours=paid_minor)
        found, last = found + len(missing), page[-1][0]
    return {"paid_without_payment": found}


def _looked_at_before() -> int:
    """The newest order of a run that is old enough: everything up to it was compared when it was paid."""
    earlier = Run.objects.filter(started_at__lte=clock.now() - LOOK_BACK).order_by("-started_at").first()
    return earlier.newest_order if earlier else 0


def _ledger_sums() -> dict[str, int]:
    """All postings sum to 0, and suspense holds exactly the money that waits to go back."""
    total = LedgerPosting.objects.aggregate(total=Sum("amount_minor"))["total"] or 0
    kept = Attempt.objects.filter(applied_at__isnull=False).exclude(disposition=Disposition.APPLIED)
    owed_back = kept.aggregate(total=Sum(F("paid_minor") - F("refunded_minor")))["total"] or 0
    suspense = -ledger.balance(ledger.SUSPENSE)
    if total:
        open_difference(Difference.Kind.AMOUNT, "ledger", ours=total, theirs=0)
    if suspense != owed_back:
        open_difference(Difference.Kind.AMOUNT, "suspense", ours=suspense, theirs=owed_back)
    return {"ledger_total": int(total), "suspense": suspense}


def _count_what_waits() -> dict[str, int]:
    """What only time or a person can end."""
    now = clock.now()
    overdue = Refund.objects.filter(state__in=Refund.DUE, requested_at__lte=now - timedelta(hours=1))
    stuck = Refund.objects.filter(state__in=[Refund.State.ABNORMAL, Refund.State.FAILED])
    for refund in stuck.order_by("pk")[:PAGE]:
        open_difference(Difference.Kind.REFUND_STATE, refund.out_refund_no, ours=refund.amount_minor)
    unsettled = Attempt.objects.filter(next_sync_at__isnull=False)
    unknown = unsettled.filter(state__in=[Attempt.State.UNKNOWN, Attempt.State.CLOSING])
    return {"refunds_overdue": overdue.count(), "refunds_stuck": stuck.count(), "unknown": unknown.count()}


@transaction.atomic
def open_difference(kind: str, subject: str, *, ours: int | None = None, theirs: int | None = None) -> None:
    """Put something that does not add up before support; once while it is open."""
    Difference.objects.bulk_create(
        [Difference(kind=kind, subject=subject, ours_minor=ours, theirs_minor=theirs)], ignore_conflicts=True
    )
