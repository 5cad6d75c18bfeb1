"""Giving money of an order back: by its events (handlers.py), by its shop, by support."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from config.ground import clock
from config.ground.figures import money
from orders.actors import SYSTEM, Actor
from orders.models import Order, OrderLine
from orders.order import road
from orders.order.road import WrongMoment
from orders.order.states import Status
from orders.services.refusals import LineUnknown, Required
from payments import refunds
from payments.models import Attempt, Disposition, Refund
from payments.refusals import LeftMoved, NothingToReturn, NotYetAccepted, RefundTooMuch, TooLateToRefund

LONGEST_WORDS = 200


@transaction.atomic
def request_refund(
    order_id: str,
    *,
    amount_minor: int | None = None,
    reason: str,
    key: str,
    words: str = "",
    item: dict[str, str] | None = None,
    line_no: int | None = None,
    actor: Actor = SYSTEM,
) -> Refund:
    """Promise so much (all that is left, unless told) of what was paid for an order back; the clock pushes it.

    The same `key` is the same refund. Raises NothingToReturn, RefundTooMuch.
    """
    order = road.locked(order_id)
    known = Refund.objects.filter(idempotency_key=key).first()
    if known is not None:
        return known
    attempt = applied_attempt(order, lock=True)
    left = attempt.left_minor if attempt else 0
    if attempt is None or left == 0:
        raise NothingToReturn
    amount = left if amount_minor is None else amount_minor
    return refunds.reserve(
        attempt, order, amount, reason=reason, key=key, words=words, item=item, line_no=line_no, actor=actor
    )


@transaction.atomic
def refund_by_shop(
    order_id: str,
    *,
    amount_minor: int | None = None,
    line_no: int | None = None,
    words: str,
    key: str,
    seen_left_minor: int | None = None,
    actor: Actor,
) -> Refund:
    """The shop returns money of an order it accepted: an amount, what is left of a line, or all that is left.

    `words` is for the customer; the same `key` is the same refund; `seen_left_minor` is what the page said was left.
    Raises NotYetAccepted, WrongMoment (cancelled: all goes back by itself), TooLateToRefund, Required, LineUnknown,
    LeftMoved, NothingToReturn, RefundTooMuch.
    """
    order = road.locked(order_id)
    name = f"shop:{order_id}:{key}"[:80]
    known = Refund.objects.filter(idempotency_key=name).first()
    if known is not None:
        return known
    why_not_by_shop(order)
    sentence = " ".join(words.split())[:LONGEST_WORDS]
    if not sentence:
        raise Required(field="words")
    left = left_to_return(order)
    if seen_left_minor is not None and left and seen_left_minor != left:
        raise LeftMoved(amount=money(left, order.currency))
    item = None
    if line_no is not None:
        line = line_of(order, line_no)
        item = {"en": line.name_en, "zh": line.name_zh}
        amount_minor = _for_line(order, line, amount_minor)
    return request_refund(
        order_id,
        amount_minor=amount_minor,
        reason=Refund.Reason.MERCHANT,
        key=name,
        words=sentence,
        item=item,
        line_no=line_no,
        actor=actor,
    )


def why_not_by_shop(order: Order) -> None:
    """Raises what keeps the shop from returning money of this order now; returns when nothing does."""
    if order.status == Status.PENDING:
        raise NotYetAccepted
    if order.status == Status.CANCELLED:
        raise WrongMoment(order)
    days = settings.SHOP_REFUND_DAYS
    if order.ended_at is not None and clock.now() - order.ended_at > timedelta(days=days):
        raise TooLateToRefund(n=days)
    if not left_to_return(order):
        raise NothingToReturn


def left_to_return(order: Order) -> int:
    """How much of the applied payment could still go back, in minor units."""
    attempt = applied_attempt(order)
    return attempt.left_minor if attempt else 0


def left_of_line(order: Order, line: OrderLine) -> int:
    """What of a line's price has neither been struck out nor returned by the shop, in minor units."""
    rows = Refund.objects.filter(attempt__order=order, line_no=line.line_no, reason=Refund.Reason.MERCHANT)
    given = rows.aggregate(total=Sum("amount_minor"))["total"] or 0
    return max(line.unit_minor * line.left - given, 0)


def line_of(order: Order, line_no: int) -> OrderLine:
    """A line of an order by its number. Raises LineUnknown."""
    line = order.lines.filter(line_no=line_no).first()
    if line is None:
        raise LineUnknown(field="line", n=line_no)
    return line


def applied_attempt(order: Order, *, lock: bool = False) -> Attempt | None:
    """The payment that is this order's, if there is one; locked for whoever takes from it."""
    rows = Attempt.objects.filter(order=order, disposition=Disposition.APPLIED)
    return (rows.select_for_update(no_key=True) if lock else rows).first()


def _for_line(order: Order, line: OrderLine, amount_minor: int | None) -> int:
    left = min(left_of_line(order, line), left_to_return(order))
    amount = left if amount_minor is None else amount_minor
    if not 0 < amount <= left:
        raise RefundTooMuch(field="line" if amount_minor is None else "amount", amount=money(left, order.currency))
    return amount
