"""Money that a person gave back: cash counted out, or a transfer where the gateway cannot. Called by services/."""

import re

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from config.ground import clock
from config.ground.figures import clock_time, money
from orders.actors import Actor
from orders.models import Order
from orders.order import road
from payments.models import Attempt, Refund
from payments.refunds.promise import said_by
from payments.refunds.recording import returned
from payments.refusals import AlreadyReturned, NoSuchRefund, NotByHand, ReceiptWrong, ReferenceUsed

REFERENCE = re.compile(r"[0-9A-Za-z_-]{6,32}")
State = Refund.State


def pay_out(out_refund_no: str, *, reference: str, actor: Actor) -> Refund:
    """A refund of cash was counted out to the customer against a receipt. The same receipt again changes nothing.

    `reference` is 6 to 32 of [0-9A-Za-z_-]. Raises NoSuchRefund, ReceiptWrong, NotByHand, AlreadyReturned,
    and ReferenceUsed when it stands for another refund: a transfer anywhere, a receipt in the same shop.
    """
    return _by_hand(out_refund_no, Refund.Way.CASH, reference, actor)


def give_back_another_way(out_refund_no: str, *, reference: str, actor: Actor) -> Refund:
    """The gateway cannot return it (or it is cash), so it was sent by bank transfer; `reference` is the bank's.

    Raises as `pay_out`. Two at once with one reference: the database lets one through.
    """
    try:
        return _by_hand(out_refund_no, Refund.Way.BANK, reference, actor)
    except IntegrityError:
        if not Refund.objects.filter(way=Refund.Way.BANK, reference=reference).exists():
            raise
        raise ReferenceUsed(field="reference", reference=reference) from None


def may_be_paid_out(refund: Refund) -> bool:
    """Whether it waits for a person to count it out."""
    return refund.attempt.channel == "CASH" and refund.state != State.SUCCESS


def may_go_another_way(refund: Refund) -> bool:
    """Whether a transfer may take its place: the gateway has given up, or there is none."""
    return refund.state in {State.ABNORMAL, State.FAILED} or may_be_paid_out(refund)


@transaction.atomic
def _by_hand(out_refund_no: str, way: Refund.Way, reference: str, actor: Actor) -> Refund:
    if not REFERENCE.fullmatch(reference):
        raise ReceiptWrong(field="receipt")
    order, attempt, refund = _locked(out_refund_no)
    if refund.state == State.SUCCESS:
        if (refund.way, refund.reference) == (way, reference):
            return refund
        raise _gone(refund, order)
    if not (may_be_paid_out(refund) if way == Refund.Way.CASH else may_go_another_way(refund)):
        raise NotByHand(channel=attempt.channel)
    if _stands_for(way, reference, order).exists():
        raise ReferenceUsed(field="receipt" if way == Refund.Way.CASH else "reference", reference=reference)
    refund.way, refund.reference, refund.paid_out_by = way, reference, said_by(actor)
    refund.succeeded_at, refund.last_error = clock.now(), ""
    returned(refund, attempt, order, actor)
    return refund


def _stands_for(way: Refund.Way, reference: str, order: Order) -> QuerySet[Refund]:
    """What this number has ended: bank references are the bank's, each shop has a receipt book of its own."""
    rows = Refund.objects.filter(way=way, reference=reference)
    return rows.filter(attempt__order__shop=order.shop_id) if way == Refund.Way.CASH else rows


def _locked(out_refund_no: str) -> tuple[Order, Attempt, Refund]:
    """Order, payment and refund, locked in the order of locking everywhere."""
    row = Refund.objects.filter(out_refund_no=out_refund_no).values_list(
        "pk", "attempt_id", "attempt__order__public_id"
    )
    found = row.first()
    if found is None:
        raise NoSuchRefund
    order = road.locked(found[2])
    attempt = Attempt.objects.select_for_update(no_key=True).get(pk=found[1])
    refund = Refund.objects.select_for_update(no_key=True).get(pk=found[0])
    refund.attempt = attempt
    return order, attempt, refund


def _gone(refund: Refund, order: Order) -> AlreadyReturned:
    at = clock_time(refund.succeeded_at or clock.now(), order.shop.zone)
    return AlreadyReturned(amount=money(refund.amount_minor, order.currency), time=at)
