"""The repairs that payments and tracking offer on the order page; config/admin.py puts them beside orders' own."""

import re
from decimal import Decimal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.ground.figures import money
from orders.actors import Actor
from orders.admin.repairs import Form, Repair, Words, only_in
from orders.order.models import Order
from orders.order.states import PaymentStatus, Status
from orders.services.refusals import Required
from payments import refunds, services, settle
from payments.models import Attempt, Disposition, Refund
from payments.words import ATTEMPT, DISPOSITION, REFUND_STATE
from tracking.services import find_another_rider, vouch_for_hand_over

AMOUNT = re.compile(r"¥?([0-9]{1,7}(?:\.[0-9]{1,2})?)")
NEEDS_PUSH = (*Refund.DUE, Refund.State.ABNORMAL, Refund.State.FAILED)


def _why_no_other_rider(order: Order) -> Words:
    if order.carrier_id is None:
        return _("nobody has taken it")
    return "" if order.status in {Status.CONFIRMED, Status.PREPARING, Status.READY} else _("it has left the shop")


def _why_not_delivered(order: Order) -> Words:
    if order.status == Status.ON_DELIVERY and order.payment_status == PaymentStatus.DUE_ON_DELIVERY:
        return _("cash is due")
    return only_in(Status.ON_DELIVERY)(order)


def _another_rider(order_id: str, actor: Actor, form: Form) -> object:
    del form
    return find_another_rider(order_id, actor=actor)


def _delivered(order_id: str, actor: Actor, form: Form) -> object:
    del form
    return vouch_for_hand_over(order_id, actor=actor)


def _attempts(order: Order) -> list[Attempt]:
    """Those that a gateway can be asked about, newest first."""
    rows = Attempt.objects.filter(order=order).exclude(channel="CASH")
    return list(rows.select_related("order__shop").order_by("-seq")[:5])


def _why_not_ask(order: Order) -> Words:
    return "" if _attempts(order) else _("no gateway knows it")


def _ask(order: Order) -> Words:
    told = [services.ask_gateway(attempt) for attempt in _attempts(order)]
    return " · ".join(f"{one.out_trade_no}: {one.last_error or ATTEMPT[one.state].text}" for one in told)


def _why_not_apply(order: Order) -> Words:
    return "" if Attempt.objects.unapplied().filter(order=order).exists() else _("no money waits")


def _apply(order: Order) -> Words:
    told = [settle.apply(one.public_id) for one in Attempt.objects.unapplied().filter(order=order)]
    return " · ".join(f"{one.out_trade_no}: {DISPOSITION[one.disposition]['staff'].text}" for one in told)


def _why_not_push(order: Order) -> Words:
    waiting = Refund.objects.filter(attempt__order=order, state__in=NEEDS_PUSH).exists()
    return "" if waiting else _("no refund waits")


def _push(order: Order) -> Words:
    waiting = Refund.objects.filter(attempt__order=order, state__in=NEEDS_PUSH).select_related("attempt")
    keys = []
    for refund in waiting:
        refunds.push(refund)
        keys.append(refund.pk)
    fresh = Refund.objects.filter(pk__in=keys)
    return " · ".join(
        f"{one.out_refund_no}: {one.last_error or REFUND_STATE[one.state]['staff'].text}" for one in fresh
    )


def left_to_return(order: Order) -> int:
    """How much of the applied payment could still go back, in minor units."""
    attempt = Attempt.objects.filter(order=order, disposition=Disposition.APPLIED).first()
    return attempt.left_minor if attempt else 0


def _why_not_refund(order: Order) -> Words:
    return "" if left_to_return(order) else _("nothing is left to return")


def _refund(order_id: str, actor: Actor, form: Form) -> object:
    words = str(form.get("words", "")).strip()
    if not words:
        raise Required(field="words")
    return services.request_refund(
        order_id,
        amount_minor=_minor(form),
        reason=Refund.Reason.MANUAL,
        key=f"staff:{order_id}:{form.get('version', '')}",
        words=words,
        actor=actor,
    )


def _minor(form: Form) -> int:
    """`32` or `32.50` as typed → 3250. Raises Required for anything that is no amount above zero."""
    typed = AMOUNT.fullmatch(str(form.get("amount", "")).strip())
    amount = int(Decimal(typed[1]) * 100) if typed else 0
    if amount == 0:
        raise Required(field="amount")
    return amount


def _at_most(order: Order) -> Words:
    left = money(left_to_return(order), order.currency)
    return gettext("At most %(amount)s can still be returned.") % {"amount": left}


ANOTHER_RIDER = Repair(
    "another-rider", _("Find another rider"), _("take jobs off riders"), _why_no_other_rider, _another_rider
)
DELIVERED = Repair("delivered", _("Mark delivered"), _("mark orders delivered"), _why_not_delivered, _delivered)
ASK = Repair("ask-gateway", _("Ask gateway now"), _("ask gateways"), _why_not_ask, after=_ask)
APPLY = Repair("apply-money", _("Apply the money"), _("apply money"), _why_not_apply, after=_apply)
PUSH = Repair("push-refund", _("Push the refund"), _("push refunds"), _why_not_push, after=_push)
REFUND = Repair(
    "refund", _("Refund part…"), _("return money by hand"), _why_not_refund, _refund,
    asks=("amount", "words"), permission="orders.return_money", is_grave=True, hint=_at_most,
)  # fmt: skip
