"""The repairs that payments and tracking offer on the order page; config/admin.py puts them beside orders' own."""

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.ground.figures import money
from orders.actors import Actor
from orders.admin.repairs import Form, Repair, Words, only_in
from orders.order.models import Order
from orders.order.states import PaymentStatus, Status
from orders.services.refusals import Required
from payments import refunds, services, settle
from payments.amounts import typed_minor
from payments.models import Attempt, Refund, RefundProposal
from payments.refunds import give_back_another_way
from payments.refunds.by_hand import may_go_another_way
from payments.refusals import AmountWrong, NoSuchRefund
from payments.words import ATTEMPT, DISPOSITION, REFUND_STATE
from tracking.services import find_another_rider, vouch_for_hand_over

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


def _why_not_refund(order: Order) -> Words:
    return "" if services.left_to_return(order) else _("nothing is left to return")


def _refund(order_id: str, actor: Actor, form: Form) -> object:
    """Return it, or propose it to a second person when it is above the limit of one."""
    words = str(form.get("words", "")).strip()
    if not words:
        raise Required(field="words")
    amount = typed_minor(str(form.get("amount", "")))
    if not amount:
        left = services.left_to_return(Order.objects.get(public_id=order_id))
        raise AmountWrong(field="amount", amount=money(left))
    return services.refund_by_support(
        order_id,
        amount_minor=amount,
        words=words,
        reason=str(form.get("reason", "")),
        key=f"staff:{order_id}:{form.get('version', '')}",
        actor=actor,
    )


def _returned_or_proposed(order: Order) -> Words:
    """What came of it: a proposal waits, or the money is on its way."""
    waiting = RefundProposal.objects.filter(order=order, state=RefundProposal.State.OPEN).first()
    if waiting is None:
        return _("Done and recorded.")
    said = gettext("%(amount)s is proposed. Nothing goes back before a second person of support has approved it.")
    return said % {"amount": money(waiting.amount_minor, waiting.currency)}


def _at_most(order: Order) -> Words:
    left = money(services.left_to_return(order), order.currency)
    limit = money(settings.REFUND_SECOND_PERSON_MINOR, order.currency)
    return " ".join((
        gettext("At most %(amount)s can still be returned.") % {"amount": left},
        gettext("Above %(amount)s of one order a second person has to approve it.") % {"amount": limit},
    ))  # fmt: skip


def _stuck(order: Order) -> Refund | None:
    """The oldest refund that only a person can end."""
    waiting = Refund.objects.filter(attempt__order=order).exclude(state=Refund.State.SUCCESS).select_related("attempt")
    return next((one for one in waiting.order_by("pk") if may_go_another_way(one)), None)


def _why_not_another_way(order: Order) -> Words:
    return "" if _stuck(order) else _("no refund needs a person")


def _another_way(order_id: str, actor: Actor, form: Form) -> object:
    refund = _stuck(Order.objects.get(public_id=order_id))
    if refund is None:
        raise NoSuchRefund
    reference = str(form.get("reference", "")).strip()
    return give_back_another_way(refund.out_refund_no, reference=reference, actor=actor)


def _which_one(order: Order) -> Words:
    refund = _stuck(order)
    if refund is None:
        return ""
    said = gettext(
        "%(amount)s of %(number)s was sent by bank transfer. Write its reference; it counts as returned then."
    )
    return said % {"amount": money(refund.amount_minor, order.currency), "number": refund.out_refund_no}


ANOTHER_RIDER = Repair(
    "another-rider", _("Find another rider"), _("take jobs off riders"), _why_no_other_rider, _another_rider
)
DELIVERED = Repair("delivered", _("Mark delivered"), _("mark orders delivered"), _why_not_delivered, _delivered)
ASK = Repair("ask-gateway", _("Ask gateway now"), _("ask gateways"), _why_not_ask, after=_ask)
APPLY = Repair("apply-money", _("Apply the money"), _("apply money"), _why_not_apply, after=_apply)
PUSH = Repair("push-refund", _("Push the refund"), _("push refunds"), _why_not_push, after=_push)
REFUND = Repair(
    "refund", _("Refund part…"), _("return money by hand"), _why_not_refund, _refund, after=_returned_or_proposed,
    asks=("amount", "words"), permission="orders.return_money", is_grave=True, hint=_at_most,
)  # fmt: skip
ANOTHER_WAY = Repair(
    "returned-another-way", _("Returned by bank transfer…"), _("return money by hand"), _why_not_another_way,
    _another_way, asks=("reference",), permission="orders.return_money", is_grave=True, hint=_which_one,
)  # fmt: skip
