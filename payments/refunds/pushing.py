"""Asking gateways for refunds under one number until they answer. Called by the clock, and by support's "push"."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Case, F, QuerySet, Value, When
from django.db.models.functions import Coalesce

from config.ground import clock
from orders.actors import GATEWAY
from orders.order import road
from payments import matching
from payments.aside import refund_failed
from payments.asking import side_by_side
from payments.gateways import GATEWAYS, notify_url
from payments.gateways.base import Definitive, GatewayError, RefundAsk, RefundSeen
from payments.models import Attempt, Refund
from payments.refunds.recording import record_refund, stuck, tell

LEASE = timedelta(seconds=60)  # longer than a refund call can take
BATCH = 100
SECONDS = 15.0  # for one round of calls side by side
# The account at the gateway holds too little just now: that ends by itself with the next payments.
SHORT = frozenset({"NOT_ENOUGH", "NOTENOUGH", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "SELLER_BALANCE_NOT_ENOUGH"})
State = Refund.State

logger = logging.getLogger(__name__)


def push_due(limit: int = BATCH) -> int:
    """Claim the refunds that are due and push each; returns how many. Each fails for itself."""
    claimed = Refund.objects.filter(pk__in=_claim(limit)).select_related("attempt").order_by("pk")
    heard = side_by_side({refund.pk: _question(refund) for refund in claimed}, SECONDS)
    for refund in claimed:
        if refund.pk not in heard:
            continue  # its lease ends, then the same number is asked for again
        try:
            write_down(refund, heard[refund.pk])
        except Exception as error:
            logger.exception("refund %s: the next round tries again", refund)
            refund_failed(refund, error)
    return len(claimed)


def push(refund: Refund) -> None:
    """Ask the gateway about one refund now, also one that needs a person; called by support, outside transactions."""
    write_down(refund, _question(refund)())


def _question(refund: Refund) -> Callable[[], RefundSeen | GatewayError]:
    """The call to the gateway, as a work that returns its error: one channel's fault is not another's."""
    return partial(_answer, refund)


def _answer(refund: Refund) -> RefundSeen | GatewayError:
    try:
        return _call(refund)
    except GatewayError as error:
        return error


def _call(refund: Refund) -> RefundSeen:
    """Ask for the refund, or, when it is in progress, only about it."""
    attempt = refund.attempt
    gateway = GATEWAYS[attempt.channel]  # type: ignore[index]
    if refund.state == State.PROCESSING:
        return gateway.query_refund(attempt.out_trade_no, refund.out_refund_no)
    return gateway.refund(
        RefundAsk(
            out_trade_no=attempt.out_trade_no,
            out_refund_no=refund.out_refund_no,
            amount_minor=refund.amount_minor,
            total_minor=attempt.paid_minor or 0,
            currency=attempt.currency,
            reason=Refund.Reason(refund.reason).label,  # get_reason_display is in the language of whoever looks
            notify_url=notify_url(attempt.channel),  # type: ignore[arg-type]
        )
    )


def write_down(refund: Refund, answer: RefundSeen | GatewayError) -> None:
    """What came of one try."""
    if isinstance(answer, GatewayError):
        _stumbled(refund, answer)
    else:
        record_refund(answer)


def due(now: datetime) -> QuerySet[Refund]:
    """What is to be asked for, first what has waited longest."""
    return Refund.objects.filter(state__in=Refund.DUE, next_try_at__lte=now).order_by("next_try_at", "pk")


def _claim(limit: int) -> list[int]:
    now = clock.now()
    with transaction.atomic(durable=True):
        keys = list(due(now).select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)[:limit])
        Refund.objects.filter(pk__in=keys).update(
            next_try_at=now + LEASE,
            tries=F("tries") + 1,
            submitted_at=Coalesce(F("submitted_at"), now),
            state=Case(When(state=State.REQUESTED, then=Value(State.SUBMITTED)), default=F("state")),
        )
    return keys


@transaction.atomic(durable=True)
def _stumbled(refund: Refund, error: GatewayError) -> None:
    """No answer, or a "no": the same number again later; a person looks after several definite refusals."""
    order = road.locked(Attempt.objects.values_list("order__public_id", flat=True).get(pk=refund.attempt_id))
    row = Refund.objects.select_for_update(no_key=True).get(pk=refund.pk)
    if row.state == State.SUCCESS:
        return
    row.last_error = str(error)[:300]
    row.refusals = row.refusals + 1 if _is_final(error) else 0
    if row.refusals >= matching.PATIENCE:
        stuck(row, order, State.FAILED)
        return
    is_news = row.state in {State.REQUESTED, State.SUBMITTED}
    if isinstance(error, Definitive) and is_news:
        logger.error("refund %s was refused, it is tried again: %s", row, error)
    if row.state != State.PROCESSING:
        row.state = State.UNKNOWN
    row.next_try_at = clock.now() + matching.refund_pause(row.tries or 1)
    row.save()
    if is_news:
        tell(order, "refund.submitted", row, GATEWAY)


def _is_final(error: GatewayError) -> bool:
    return isinstance(error, Definitive) and error.code not in SHORT
