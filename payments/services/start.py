"""Starting a payment: intent in one transaction, the gateway outside of any, its answer in another.

`start_payment` is what pages and the API call; the clock calls `open_attempt` again for an attempt whose create
call got no answer: the same number, so nothing is charged twice.
"""

import logging
import re
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
from payments.refusals import ChannelUnknown, GatewayUnreachable, PayerUnknown, PaymentArrived, PaymentClosed
from payments.services.ask import ask_gateway, close_attempt

GATEWAY_LEAD = timedelta(seconds=60)  # the gateway stops taking money before we cancel
ONLINE = ("WECHAT", "ALIPAY")  # what a buyer pays by on a page; cash is collected at the door
RETRY_SECONDS = 10
OPENID = re.compile(r"[0-9A-Za-z_-]{6,128}")
ALREADY_PAID = frozenset({"ORDERPAID", "ACQ.TRADE_HAS_SUCCESS"})  # what gateways say to a create call
State = Attempt.State

logger = logging.getLogger(__name__)


class Way(NamedTuple):
    """How the buyer wants to pay: by which channel, in which form, from where, and (jsapi) as whom."""

    channel: str
    form: str
    client_ip: str | None = None
    payer: str = ""


class Intent(NamedTuple):
    """What transaction A decided: the attempt to pay by, and the ones it replaces."""

    attempt: Attempt
    replaced: list[Attempt]


def start_payment(
    order_id: str,
    *,
    channel: str,
    form: str = "",
    actor: Actor = SYSTEM,
    client_ip: str | None = None,
    payer: str = "",
) -> Attempt:
    """Give the buyer a way to pay: an attempt with `code_url`, `redirect_url` or `prepay_id`, the same if asked again.

    Form jsapi, and it alone, takes the openid `payer` and has the `prepay_id`; see `invocation`. An open attempt of
    another channel, form or payer is closed first. UNKNOWN without a way: the gateway has not answered, the clock
    tries the same number again. Raises ChannelUnknown, PayerUnknown, PaymentClosed, PaymentArrived, WrongMoment,
    GatewayUnreachable.
    """
    if channel not in ONLINE or (form and form not in GATEWAYS[channel].forms):  # type: ignore[index]
        raise ChannelUnknown(field="channel")
    way = Way(channel, form or GATEWAYS[channel].forms[0], client_ip, payer)  # type: ignore[index]
    if (way.form == "jsapi") != bool(OPENID.fullmatch(payer)):
        raise PayerUnknown(field="openid")
    attempt, replaced = _intend(order_id, way, actor)
    for old in replaced:
        if close_attempt(old).state == State.SUCCESS:  # the buyer was faster: that money counts
            raise WrongMoment(Order.objects.select_related("shop").get(pk=attempt.order_id))
    if attempt.has_a_way:
        return attempt
    attempt = open_attempt(attempt)
    if attempt.state == State.CLOSED:
        raise unreachable(channel)
    if attempt.state == State.CLOSING:  # replaced, or the order cancelled, while the gateway opened it
        raise WrongMoment(Order.objects.select_related("shop").get(pk=attempt.order_id))
    return attempt


def invocation(attempt: Attempt) -> dict[str, str]:
    """What a mini-program hands to wx.requestPayment to pay by this attempt, signed afresh; {} for other forms."""
    return GATEWAYS[attempt.channel].invocation(attempt.prepay_id) if attempt.prepay_id else {}  # type: ignore[index]


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
def _intend(order_id: str, way: Way, actor: Actor) -> Intent:
    """Transaction A: the order waits for this attempt now."""
    order = road.locked(order_id)
    now = clock.now()
    deadline = _deadline(order)
    attempts = Attempt.objects.select_for_update(no_key=True).filter(order=order)
    if attempts.unapplied().exists():
        raise PaymentArrived
    replaced = []
    for attempt in attempts.open().order_by("pk"):
        if _fits(attempt, order, way):
            attempt.order = order
            return Intent(attempt, [])
        attempt.state, attempt.next_sync_at = State.CLOSING, now + timedelta(seconds=settle.CLOSING_SECONDS)
        attempt.save(update_fields=["state", "next_sync_at"])
        replaced.append(attempt)
    if not GATEWAYS[way.channel].is_available:  # type: ignore[index]
        raise unreachable(way.channel)
    seq = (Attempt.objects.filter(order=order).aggregate(last=Max("seq"))["last"] or 0) + 1
    created = Attempt.objects.create(
        order=order,
        seq=seq,
        channel=way.channel,
        merchant_account=_account(way.channel),
        out_trade_no=f"{order.public_id.partition('_')[2]}_{seq}",
        form=way.form,
        amount_minor=order.total_minor,
        currency=order.currency,
        client_ip=way.client_ip,
        payer=way.payer,
        created_at=now,
        gateway_expires_at=deadline,
        next_sync_at=now + timedelta(seconds=5),
    )
    orders.begin_payment(order_id, method=way.channel, actor=actor)
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


def _fits(attempt: Attempt, order: Order, way: Way) -> bool:
    wanted = (way.channel, way.form, way.payer, order.total_minor)
    return (attempt.channel, attempt.form, attempt.payer, attempt.amount_minor) == wanted


def _account(channel: str) -> str:
    try:
        return GATEWAYS[channel].merchant_account  # type: ignore[index]
    except Misconfigured as error:
        logger.exception("%s cannot be used", channel)
        raise unreachable(channel) from error


def _locked(attempt: Attempt) -> Attempt:
    """The attempt with its order; only its own row is locked, since orders are locked before attempts."""
    rows = Attempt.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("order__shop").get(pk=attempt.pk)


@transaction.atomic(durable=True)
def _opened(attempt: Attempt, created: Created) -> Attempt:
    """Transaction B: there is a way to pay. An attempt that was closed meanwhile is closed (again) at the gateway."""
    row = _locked(attempt)
    row.code_url, row.redirect_url = created.code_url or "", created.redirect_url or ""
    row.prepay_id = created.prepay_id or ""
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
    row = _locked(attempt)
    if row.is_open:
        row.state, row.last_error = state, str(error)[:300]
        settle.asked(row)
        settle.release_if_idle(order)
    return row
