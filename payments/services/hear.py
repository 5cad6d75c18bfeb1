"""Hearing a verified notification: keep it, record the fact, apply it. Called by callbacks.py."""

import contextlib
import logging
from collections.abc import Mapping

from config.ground import clock
from config.ground.problems import Refusal
from orders import services as orders
from orders.actors import GATEWAY
from orders.models import Order
from payments import asking, inbox, refunds, settle
from payments.gateways import GATEWAYS
from payments.gateways.base import Notification, RefundSeen
from payments.models import Attempt, InboxEntry, Refund

logger = logging.getLogger(__name__)


def hear_notification(channel: str, notice: Notification, headers: Mapping[str, str], body: bytes) -> None:
    """Make true what a genuine notification says. Raises when the fact could not be kept: then it must come again.

    GatewayError: the gateway did not prove it now. A fact that was kept and could not be applied does not raise:
    `apply_unapplied` repairs that.
    """
    told = notice.payment or notice.refund
    if told is None:
        return
    entry = inbox.keep(channel, notice.dedupe_key, told.out_trade_no, headers, body)
    if notice.refund is not None:
        _hear_refund(channel, notice.refund, entry)
        return
    if notice.payment is not None:
        attempt = settle.record_fact(channel, notice.payment, entry)
        if attempt is not None and attempt.state == Attempt.State.SUCCESS and attempt.applied_at is None:
            apply_kept(attempt)


def _hear_refund(channel: str, seen: RefundSeen, entry: InboxEntry) -> None:
    """Record a refund that we asked for; book one that somebody made at the gateway's own console."""
    is_ours = Refund.objects.filter(out_refund_no=seen.out_refund_no).exists()
    if is_ours or seen.state != "SUCCESS":
        refunds.record_refund(seen, entry)
        return
    proof = seen
    if seen.amount_minor is None:  # Alipay tells the sum of all refunds; what this one was it tells who asks
        asking.let_go()
        proof = GATEWAYS[channel].query_refund(seen.out_trade_no, seen.out_refund_no)  # type: ignore[index]
    if proof.state == "SUCCESS" and proof.amount_minor is not None:
        booked = refunds.adopt(
            channel,
            proof.out_trade_no,
            out_refund_no=proof.out_refund_no,
            gateway_refund_no=proof.gateway_refund_no,
            amount_minor=proof.amount_minor,
            at=proof.refunded_at or clock.now(),
            source=InboxEntry.Source.NOTIFY,
        )
        if booked is not None:
            inbox.processed(entry)


def apply_kept(attempt: Attempt) -> bool:
    """Apply money whose fact is safe; a failure is logged and left to the next round, and the order says “checking”."""
    try:
        settle.apply(attempt.public_id)
    except Exception:
        logger.exception("%s is recorded and waits to be applied", attempt)
        _say_checking(attempt)
        return False
    return True


def _say_checking(attempt: Attempt) -> None:
    """Nobody shall be asked to pay again for money that is here; an order that is past that needs no word."""
    order_id = Order.objects.values_list("public_id", flat=True).get(pk=attempt.order_id)
    with contextlib.suppress(Refusal):
        orders.claim_payment(order_id, actor=GATEWAY)
