"""Starting a payment: intent in one transaction, the gateway outside of any, its answer in another.

`start_payment` is what pages and the API call; the clock calls `open_attempt` again for an attempt whose create
call got no answer: the same number, so nothing is charged twice.
"""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max

from config.ground import clock
from orders import services as orders
from orders.actors import SYSTEM, Actor
from orders.models import Order
from orders.order import road
from orders.order.road import WrongMoment
from orders.order.states import WAITING_FOR_MONEY, Status
from orders.words import CHANNEL
from payments import asking, inbox, settle
from payments.gateways import GATEWAYS
from payments.gateways.base import Created, Definitive, GatewayError, Misconfigured, Unknown
from payments.models import Attempt
from payments.refusals import ChannelUnknown, GatewayUnreachable, PaymentArrived, PaymentClosed
from payments.services.ask import ask_gateway, close_attempt

GATEWAY_LEAD = timedelta(seconds=60)  # the gateway stops taking money before we cancel
ONLINE = ("WECHAT", "ALIPAY")  # what a buyer pays by on a page; cash is collected at the door
RETRY_SECONDS = 10
ALREADY_PAID = frozenset({"ORDERPAID", "ACQ.TRADE_HAS_SUCCESS"})  # what gateways say to a create call
State = Attempt.State

logger = logging.getLogger(__name__)


class Intent(NamedTuple):
    """What transaction A decided: the attempt to pay by, and the ones it replaces."""

    attempt: Attempt
    replaced: list[Attempt]


def start_payment(
    order_id: str, *, channel: str, form: str = "", actor: Actor = SYSTEM, client_ip: str | None = None
) -> Attempt:
    """Give the buyer a way to pay: an attempt with `code_url` or `redirect_url`, the same one when asked again.

    An open attempt of another channel or form is closed first. UNKNOWN without a way: the gateway has not answered,
    the clock tries the same number again. Raises ChannelUnknown, PaymentClosed, PaymentArrived,
    WrongMoment, GatewayUnreachable.
    """
    if channel not in ONLINE or (form and form not in GATEWAYS[channel].forms):  # type: ignore[index]
        raise ChannelUnknown(field="channel")
    attempt, replaced = _intend(order_id, channel, form or GATEWAYS[channel].forms[0], actor, client_ip)  # type: ignore[index]
    for old in replaced:
        if close_attempt(old).state == State.SUCCESS:  # the buyer was faster: that money counts
            raise WrongMoment(attempt.order.__class__.objects.select_related("shop").get(pk=attempt.order_id))
    if attempt.has_a_way:
        return attempt
    attempt = open_attempt(attempt)
    if attempt.state == State.CLOSED:
        raise unreachable(channel)
    return attempt


def open_attempt(attempt: Attempt) -> Attempt:
    """Open an attempt at its gateway (again) and write down the answer; returns the fresh attempt.

    PENDING: there is a way to pay. UNKNOWN: no answer. CLOSED: refused for good.
    """
    asking.let_go()
    return write_opened(attempt, asking.try_create(attempt))


def write_opened(attempt: Attempt, answer: Created | GatewayError) -> Attempt:
    """Transaction B: what the gateway said to the create call."""
    if isinstance(answer, Created):
        return _opened(attempt, answer)
    if isinstance(answer, Unknown):
        return _not_opened(attempt, State.UNKNOWN, answer)
    if isinstance(answer, Misconfigured):
        logger.error("%s cannot be used: %s", attempt.channel, answer)
    closed = _not_opened(attempt, State.CLOSED, answer)
    is_paid = isinstance(answer, Definitive) and answer.code in ALREADY_PAID
    return ask_gateway(closed) if is_paid else closed


def unreachable(channel: str) -> GatewayUnreachable:
    """The refusal that names the other channel."""
    other = next(name for name in ONLINE if name != channel)
    return GatewayUnreachable(channel=CHANNEL[channel].text, other=CHANNEL[other].text, n=RETRY_SECONDS)


@transaction.atomic(durable=True)
def _intend(order_id: str, channel: str, form: str, actor: Actor, client_ip: str | None) -> Intent:
    """Transaction A: the order waits for this attempt now."""
    order = road.locked(order_id)
    now = clock.now()
    deadline = _deadline(order)
    attempts = Attempt.objects.select_for_update(no_key=True).filter(order=order)
    if attempts.unapplied().exists():
        raise PaymentArrived
    replaced = []
    for attempt in attempts.open().order_by("pk"):
        if _fits(attempt, order, channel, form):
            attempt.order = order
            return Intent(attempt, [])
        attempt.state, attempt.next_sync_at = State.CLOSING, now + timedelta(seconds=settle.CLOSING_SECONDS)
        attempt.save(update_fields=["state", "next_sync_at"])
        replaced.append(attempt)
    gateway = GATEWAYS[channel]  # type: ignore[index]
    if not gateway.is_available:
        raise unreachable(channel)
    seq = (Attempt.objects.filter(order=order).aggregate(last=Max("seq"))["last"] or 0) + 1
    created = Attempt.objects.create(
        order=order,
        seq=seq,
        channel=channel,
        merchant_account=_account(channel),
        out_trade_no=f"{order.public_id.partition('_')[2]}_{seq}",
        form=form,
        amount_minor=order.total_minor,
        currency=order.currency,
        client_ip=client_ip,
        created_at=now,
        gateway_expires_at=deadline,
        next_sync_at=now + timedelta(seconds=5),
    )
    orders.begin_payment(order_id, method=channel, actor=actor)
    return Intent(created, replaced)


def _deadline(order: Order) -> datetime:
    """Until when the gateway may take money. Raises PaymentClosed, WrongMoment."""
    if order.cancel_reason == "PAYMENT_TIMEOUT":
        raise PaymentClosed
    if order.status != Status.PENDING or order.payment_status not in WAITING_FOR_MONEY or order.expires_at is None:
        raise WrongMoment(order)
    deadline = order.expires_at - GATEWAY_LEAD
    if deadline <= clock.now():
        raise PaymentClosed
    return deadline


def _fits(attempt: Attempt, order: Order, channel: str, form: str) -> bool:
    wanted = (channel, form, order.total_minor)
    return (attempt.channel, attempt.form, attempt.amount_minor) == wanted


def _account(channel: str) -> str:
    try:
        return GATEWAYS[channel].merchant_account  # type: ignore[index]
    except Misconfigured as error:
        logger.exception("%s cannot be used", channel)
        raise unreachable(channel) from error


@transaction.atomic(durable=True)
def _opened(attempt: Attempt, created: Created) -> Attempt:
    """Transaction B: there is a way to pay. An attempt that was closed meanwhile is closed (again) at the gateway."""
    row = Attempt.objects.select_for_update(no_key=True).select_related("order__shop").get(pk=attempt.pk)
    row.code_url, row.redirect_url = created.code_url or "", created.redirect_url or ""
    if row.is_open:
        row.state, row.last_error = State.PENDING, ""
    elif row.state != State.SUCCESS:
        row.state, row.next_sync_at = State.CLOSING, clock.now()
    row.save()
    inbox.keep_response(row.channel, row.out_trade_no, created.raw)
    return row


@transaction.atomic(durable=True)
def _not_opened(attempt: Attempt, state: str, error: GatewayError) -> Attempt:
    """Transaction B when there is no way (yet)."""
    order = road.locked(attempt.order.public_id)
    row = Attempt.objects.select_for_update(no_key=True).select_related("order__shop").get(pk=attempt.pk)
    if row.is_open:
        row.state, row.last_error = state, str(error)[:300]
        settle.asked(row)
        settle.release_if_idle(order)
    return row
