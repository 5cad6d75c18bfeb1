"""Cash at the door: the rider is the gateway, the receipt its trade number. Called by payments/rider/."""

import re

from django.db import IntegrityError, transaction
from django.db.models import Max

from config.ground import clock
from config.ground.figures import money
from orders.actors import Actor
from orders.models import Order
from orders.order import road
from orders.order.road import WrongMoment
from orders.order.states import PaymentStatus, Status
from orders.services.refusals import NotYourJob
from payments import inbox, ledger, settle
from payments.cash.refusals import OtherCurrency, ReceiptUsed
from payments.gateways import GATEWAYS
from payments.gateways.base import Seen
from payments.models import Attempt, InboxEntry
from payments.refusals import CashAmountWrong, ReceiptWrong

RECEIPT = re.compile(r"[0-9A-Za-z_-]{6,32}", re.ASCII)
OURS = "cash-"  # begins the numbers that we make up where no paper was written
COLLECTS_AT = {Status.ON_DELIVERY, Status.READY}  # at the door; in the shop when the customer comes


def collect_cash(
    order_id: str, *, actor: Actor, amount_minor: int, receipt: str = "", currency: str = ledger.CURRENCY
) -> Attempt:
    """The rider (or the shop, at its counter) has the money in hand. The same receipt is counted once.

    `receipt` is 6 to 32 of [0-9A-Za-z_-]; without one it is the order's own, so pressing twice counts once.
    Cash for an order that was cancelled meanwhile is recorded as LATE. Raises NotYourJob, WrongMoment,
    CashAmountWrong, OtherCurrency, ReceiptWrong, ReceiptUsed.
    """
    own = f"{OURS}{order_id.partition('_')[2]}"
    number = receipt.strip() or own
    if not RECEIPT.fullmatch(number) or (number.startswith(OURS) and number != own):
        raise ReceiptWrong(field="receipt")
    attempt = _collected(order_id, actor, amount_minor, number, currency)
    if attempt.applied_at is not None:
        return attempt
    return settle.apply(attempt.public_id)


@transaction.atomic(durable=True)
def _collected(order_id: str, actor: Actor, amount_minor: int, number: str, currency: str) -> Attempt:
    order = road.locked(order_id)
    known = Attempt.objects.filter(channel="CASH", order=order, out_trade_no=number).first()
    if known is not None:
        return known
    if actor.role == "rider" and (order.carrier is None or order.carrier.public_id != actor.account):
        raise NotYourJob
    if order.payment_status != PaymentStatus.DUE_ON_DELIVERY:
        raise WrongMoment(order)
    if order.status not in COLLECTS_AT and order.status != Status.CANCELLED:
        raise WrongMoment(order)
    if currency != order.currency:
        raise OtherCurrency(field="currency", amount=money(order.total_minor, order.currency), currency=order.currency)
    if amount_minor != order.total_minor:
        raise CashAmountWrong(field="amount", amount=money(order.total_minor, order.currency))
    collector = f"{actor.role}:{actor.account}"
    ledger.hold(ledger.held_by(collector, order.shop))  # whoever counts this cash now counts without it
    if Attempt.objects.filter(channel="CASH", out_trade_no=number).exists():
        # seen before it is tried: an insert would wait for whoever applies that money, and who waits for our account
        raise ReceiptUsed(field="receipt", receipt=number)
    try:
        with transaction.atomic():
            return _write(order, collector, amount_minor, number)
    except IntegrityError:
        if Attempt.objects.filter(channel="CASH", out_trade_no=number).exists():
            raise ReceiptUsed(field="receipt", receipt=number) from None
        raise


def _write(order: Order, collector: str, amount_minor: int, number: str) -> Attempt:
    now = clock.now()
    seq = (Attempt.objects.filter(order=order).aggregate(last=Max("seq"))["last"] or 0) + 1
    account = GATEWAYS["CASH"].merchant_account
    seen = Seen(
        out_trade_no=number,
        state="SUCCESS",
        gateway_txn_no=number,
        amount_minor=amount_minor,
        currency=order.currency,
        paid_at=now,
        merchant_account=account,
        raw={"collector": collector, "amount": amount_minor, "receipt": number},
    )
    inbox.keep_answer("CASH", seen, InboxEntry.Source.MANUAL)
    return Attempt.objects.create(
        order=order,
        seq=seq,
        channel="CASH",
        merchant_account=account,
        out_trade_no=number,
        form="door",
        amount_minor=order.total_minor,
        currency=order.currency,
        state=Attempt.State.SUCCESS,
        gateway_txn_no=number,
        paid_minor=amount_minor,
        paid_currency=order.currency,
        paid_at=now,
        recorded_at=now,
        bill_date=now.astimezone(settle.SHANGHAI).date(),
        collector=collector,
        gateway_expires_at=now,
    )
