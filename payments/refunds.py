"""Money on its way back: reserve it, ask the gateway under one number until it answers, write down the end.

settle.py and services/ reserve; `push_refunds` (the clock) pushes; callbacks.py hands in what gateways notify.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce

from config.ground import clock
from config.ground.figures import money
from orders import services as orders
from orders.actors import GATEWAY, SYSTEM, Actor
from orders.models import Order
from orders.order import road
from payments import ledger, matching
from payments.asking import side_by_side
from payments.gateways import GATEWAYS, notify_url
from payments.gateways.base import Definitive, GatewayError, RefundAsk, RefundSeen
from payments.models import Attempt, Difference, Disposition, InboxEntry, Refund
from payments.refusals import RefundTooMuch

LEASE = timedelta(seconds=60)  # longer than a refund call can take
BATCH = 100
SECONDS = 15.0  # for one round of calls side by side
State = Refund.State

logger = logging.getLogger(__name__)


def reserve(
    attempt: Attempt,
    order: Order,
    amount_minor: int,
    *,
    reason: str,
    key: str,
    words: str = "",
    item: dict[str, str] | None = None,
    actor: Actor = SYSTEM,
) -> Refund:
    """Promise so much of an attempt back; order and attempt are locked by the caller. The same key is one refund.

    Raises RefundTooMuch. The database's own check refuses it too.
    """
    known = Refund.objects.filter(idempotency_key=key).first()
    if known is not None:
        return known
    left = attempt.left_minor
    if not 0 < amount_minor <= left:
        raise RefundTooMuch(field="amount", amount=money(left, attempt.currency))
    attempt.refund_reserved_minor += amount_minor
    attempt.save(update_fields=["refund_reserved_minor"])
    refund = Refund.objects.create(
        attempt=attempt,
        amount_minor=amount_minor,
        reason=reason,
        idempotency_key=key,
        words=words[:200],
        item=item or {},
        actor=":".join(filter(None, (actor.role, actor.account))),
    )
    _tell(order, "refund.requested", refund, actor)
    return refund


def push_due(limit: int = BATCH) -> int:
    """Claim the refunds that are due and push each; returns how many. Each fails for itself."""
    claimed = Refund.objects.filter(pk__in=_claim(limit)).select_related("attempt").order_by("pk")
    heard = side_by_side({refund.pk: _question(refund) for refund in claimed}, SECONDS)
    for refund in claimed:
        if refund.pk not in heard:
            continue  # its lease ends, then the same number is asked for again
        try:
            write_down(refund, heard[refund.pk])
        except Exception:
            logger.exception("refund %s: the next round tries again", refund)
    return len(claimed)


def push(refund: Refund) -> None:
    """Ask the gateway about one refund now, also one that needs a person; called by support, outside transactions."""
    write_down(refund, _question(refund)())


def _question(refund: Refund) -> Callable[[], RefundSeen | GatewayError]:
    """What to say to the gateway: ask for the refund, or, when it is in progress, only about it."""
    attempt = refund.attempt
    gateway = GATEWAYS[attempt.channel]  # type: ignore[index]
    if refund.state == State.PROCESSING:
        return partial(_answer, partial(gateway.query_refund, attempt.out_trade_no, refund.out_refund_no))
    ask = RefundAsk(
        out_trade_no=attempt.out_trade_no,
        out_refund_no=refund.out_refund_no,
        amount_minor=refund.amount_minor,
        total_minor=attempt.paid_minor or 0,
        currency=attempt.currency,
        reason=refund.get_reason_display(),
        notify_url=notify_url(attempt.channel),  # type: ignore[arg-type]
    )
    return partial(_answer, partial(gateway.refund, ask))


def _answer(call: Callable[[], RefundSeen]) -> RefundSeen | GatewayError:
    try:
        return call()
    except GatewayError as error:
        return error


def write_down(refund: Refund, answer: RefundSeen | GatewayError) -> None:
    """What came of one try."""
    if isinstance(answer, GatewayError):
        _stumbled(refund, answer)
    else:
        record_refund(answer)


@transaction.atomic(durable=True)
def record_refund(seen: RefundSeen, entry: InboxEntry | None = None) -> Refund | None:
    """Write down what a gateway says of one refund. Safe to repeat; nothing leads back from SUCCESS.

    None: the refund is not ours, which becomes a Difference.
    """
    row = (
        Refund.objects.filter(out_refund_no=seen.out_refund_no)
        .values_list("pk", "attempt_id", "attempt__order__public_id")
        .first()
    )
    if row is None:
        _differs(Difference.Kind.REFUND_ONLY_GATEWAY, seen, None)
        return None
    order = road.locked(row[2])
    attempt = Attempt.objects.select_for_update(no_key=True).get(pk=row[1])
    refund = Refund.objects.select_for_update(no_key=True).get(pk=row[0])
    if entry is not None:
        InboxEntry.objects.filter(pk=entry.pk, processed_at__isnull=True).update(processed_at=clock.now())
    if refund.state == State.SUCCESS:
        return refund
    if seen.out_trade_no != attempt.out_trade_no or seen.amount_minor not in {None, refund.amount_minor}:
        _differs(Difference.Kind.REFUND_AMOUNT, seen, refund.amount_minor)
        return refund
    refund.gateway_refund_no = seen.gateway_refund_no or refund.gateway_refund_no
    refund.last_error, refund.refusals = "", 0
    if seen.state == "SUCCESS":
        _returned(refund, attempt, order, seen)
    elif seen.state == "PROCESSING":
        _accepted(refund, order)
    elif seen.state == "ABSENT":
        refund.state = State.UNKNOWN  # asked for again under the same number
        refund.save()
    else:
        _stuck(refund, order, State.ABNORMAL if seen.state == "ABNORMAL" else State.FAILED)
    return refund


def _claim(limit: int) -> list[int]:
    now = clock.now()
    with transaction.atomic(durable=True):
        due = Refund.objects.filter(state__in=Refund.DUE, next_try_at__lte=now).order_by("next_try_at", "pk")
        keys = list(due.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)[:limit])
        Refund.objects.filter(pk__in=keys).update(
            next_try_at=now + LEASE,
            tries=F("tries") + 1,
            submitted_at=Coalesce(F("submitted_at"), now),
            state=Case(When(state=State.REQUESTED, then=Value(State.SUBMITTED)), default=F("state")),
        )
    return keys


def _returned(refund: Refund, attempt: Attempt, order: Order, seen: RefundSeen) -> None:
    refund.state, refund.succeeded_at, refund.next_try_at = State.SUCCESS, seen.refunded_at or clock.now(), None
    refund.save()
    attempt.refunded_minor += refund.amount_minor
    attempt.save(update_fields=["refunded_minor"])
    if attempt.disposition == Disposition.APPLIED:
        orders.record_return(order.public_id, amount_minor=refund.amount_minor, actor=GATEWAY)
    else:  # late, double or mismatched money never touches the order's payment status
        _tell(order, "refund.succeeded", refund, GATEWAY)
    ledger.book_refund(refund, attempt, order)


def _accepted(refund: Refund, order: Order) -> None:
    is_news = refund.state != State.PROCESSING
    refund.state = State.PROCESSING
    refund.accepted_at = refund.accepted_at or clock.now()
    refund.next_try_at = clock.now() + matching.refund_pause(refund.tries or 1)
    refund.save()
    if is_news:
        _tell(order, "refund.processing", refund, GATEWAY)


def _stuck(refund: Refund, order: Order, state: State) -> None:
    is_news = refund.state != state
    refund.state, refund.next_try_at = state, None
    refund.save()
    if is_news:
        logger.error("refund %s needs a person: %s", refund, refund.last_error or state)
        _tell(order, "refund.abnormal", refund, GATEWAY)


def _stumbled(refund: Refund, error: GatewayError) -> None:
    """No answer, or a "no": the same number again later; a person looks after several definite refusals."""
    with transaction.atomic(durable=True):
        order_id = Attempt.objects.values_list("order__public_id", flat=True).get(pk=refund.attempt_id)
        order = road.locked(order_id)
        row = Refund.objects.select_for_update(no_key=True).get(pk=refund.pk)
        if row.state == State.SUCCESS:
            return
        row.last_error = str(error)[:300]
        row.refusals = row.refusals + 1 if isinstance(error, Definitive) else 0
        if row.refusals >= matching.PATIENCE:
            _stuck(row, order, State.FAILED)
            return
        if row.state != State.PROCESSING:
            row.state = State.UNKNOWN
        row.next_try_at = clock.now() + matching.refund_pause(row.tries or 1)
        row.save()


def _tell(order: Order, type_: str, refund: Refund, actor: Actor) -> None:
    data = {"amountMinor": refund.amount_minor, "reason": refund.reason, "reload": ["money"]}
    orders.note(order.public_id, type_, data, actor=actor)


def _differs(kind: Difference.Kind, seen: RefundSeen, ours: int | None) -> None:
    logger.error("%s: refund %s of %s fen", kind, seen.out_refund_no, seen.amount_minor)
    difference = Difference(kind=kind, subject=f"refund:{seen.out_refund_no}", ours_minor=ours)
    difference.theirs_minor, difference.facts = seen.amount_minor, {"state": seen.state}
    Difference.objects.bulk_create([difference], ignore_conflicts=True)
