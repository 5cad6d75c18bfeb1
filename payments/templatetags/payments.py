"""What money says on other apps' pages: `{% load payments %}`, then a banner, a panel of refunds, a cash button."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.ground.figures import clock_time, money
from config.ground.problems import Refusal
from config.ground.word import Word
from orders.models import Fulfilment, Order, Shop, User
from orders.order.states import CancelReason, Method, PaymentStatus, Status
from orders.words import CHANNEL, EVENT, PEOPLE, cancel_word
from payments.models import Attempt, Disposition, Refund
from payments.refunds.by_hand import may_be_paid_out
from payments.services import left_to_return, why_not_by_shop
from payments.words import CASH_DUE, CASH_WAITS, DISPOSITION, REFUND_STATE, WAY, place_of, reason_of

register = template.Library()
SOON = 120  # seconds: noticing within so long is worth saying
STUCK = {Refund.State.ABNORMAL, Refund.State.FAILED}


@dataclass(frozen=True)
class Moment:
    """One line of the money's time line: `kind` is the class of its shape; `until` stands where a time would."""

    kind: str
    icon: str
    what: str
    at: datetime | None = None
    until: str = ""
    why: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Late:
    """Money that came after its order was closed: the badge, the headline, the sentence to the second."""

    word: Word
    headline: str
    sentence: str


@register.inclusion_tag("storefront/_money_banner.html")
def money_banner(order: Order) -> dict[str, Any]:
    """Say at the top of the order page that money came twice, or not as much as agreed; else nothing."""
    kept = Attempt.objects.filter(order=order).exclude(disposition__in=["", Disposition.APPLIED]).order_by("paid_at")
    return {
        "order": order,
        "kept": [
            {
                "word": DISPOSITION[attempt.disposition]["customer"],
                "amount_minor": attempt.paid_minor,
                "channel": CHANNEL[attempt.channel],
                "paid_at": attempt.paid_at,
                "recorded_at": attempt.recorded_at,
                "is_late": attempt.disposition == Disposition.LATE,
            }
            for attempt in kept
        ],
    }


@register.simple_tag
def money_back(order: Order) -> int:
    """How much came in that was not the order's and goes back: while it is not 0, money was charged after all."""
    kept = Attempt.objects.filter(order=order).exclude(disposition__in=["", Disposition.APPLIED])
    return sum(attempt.paid_minor or 0 for attempt in kept)


@register.simple_tag
def late_payment(order: Order) -> Late | None:
    """Tell of money that came after a cancelled order was closed; None when there is none."""
    late = Attempt.objects.filter(order=order, disposition=Disposition.LATE).order_by("pk").first()
    if order.status != Status.CANCELLED or late is None or late.paid_at is None or order.ended_at is None:
        return None
    zone, amount = order.shop.zone, money(late.paid_minor or 0, late.paid_currency)
    paid, closed = (clock_time(at, zone, seconds=True) for at in (late.paid_at, order.ended_at))
    said = _("You paid at {paid}. The order had closed at {closed}.").format(paid=paid, closed=closed)
    back = _("All of it is back: {amount}.") if late.refunded_minor == late.paid_minor else _noticed(late)
    told = " ".join((said, back.format(amount=amount), _("There is nothing you need to do.")))
    return Late(DISPOSITION["LATE"]["customer"], _("Your money arrived after the order was closed"), told)


@register.inclusion_tag("storefront/_money_over.html")
def money_over(order: Order) -> dict[str, Any]:
    """Tell what comes back of a cancelled order, in one card; nothing when nothing was charged."""
    is_late = late_payment(order) is not None
    is_timeout = order.cancel_reason == CancelReason.PAYMENT_TIMEOUT
    told = {
        "placed": EVENT["order.placed"].text,
        "is_timeout": is_timeout,
        "closed": cancel_word(order, "customer").text,
    }
    return {**money_panel(order), **told, "is_late": is_late}


@register.inclusion_tag("storefront/_money_story.html")
def money_panel(order: Order) -> dict[str, Any]:
    """Tell each refund of an order to the second: asked for, accepted, where and when it arrives."""
    refunds = Refund.objects.filter(attempt__order=order).select_related("attempt").order_by("requested_at", "pk")
    return {"order": order, "refunds": [_story(refund, order) for refund in refunds]}


@register.inclusion_tag("merchant/_counter.html", takes_context=True)
def counter_panel(context: template.Context, order: Order, back: str = "") -> dict[str, Any]:
    """Give the shop the button for cash while the customer who comes for it has not paid; nothing else."""
    is_due = order.payment_status == PaymentStatus.DUE_ON_DELIVERY and order.fulfilment == Fulfilment.COLLECTION
    return {"order": order, "is_due": is_due, "back": back, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("rider/_cash_panel.html", takes_context=True)
def cash_panel(context: template.Context, order: Order) -> dict[str, Any]:
    """Give the rider the button for cash while cash is due; nothing else."""
    is_due = order.payment_status == PaymentStatus.DUE_ON_DELIVERY
    return {"order": order, "is_due": is_due, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("merchant/_refunds.html", takes_context=True)
def refund_panel(context: template.Context, order: Order) -> dict[str, Any]:
    """Show the shop what of an order's money went back, why and by whom, and the way to return more; or why not."""
    rows = Refund.objects.filter(attempt__order=order, attempt__disposition=Disposition.APPLIED)
    found = list(rows.select_related("attempt").order_by("requested_at", "pk"))
    names = _names(found)
    return {
        "order": order,
        "shop": order.shop,
        "channel": CHANNEL[order.method].text,
        "left_minor": left_to_return(order),
        "why_not": _why_not(order),
        "refunds": [
            {
                "row": refund,
                "why": reason_of(refund, "merchant"),
                "word": CASH_DUE if may_be_paid_out(refund) else REFUND_STATE[refund.state]["staff"],
                "who": names.get(refund.actor, PEOPLE[refund.actor.partition(":")[0] or "system"].text),
                "way": WAY[refund.way].text if refund.way else "",
                "hand": names.get(refund.paid_out_by, ""),
                "waits": may_be_paid_out(refund),
            }
            for refund in found
        ],
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("merchant/_cash_back_note.html")
def cash_back_note(shop: Shop) -> dict[str, Any]:
    """Say on the shop's board how much cash customers wait for, while there is any."""
    rows = Refund.objects.filter(attempt__channel=Method.CASH, attempt__order__shop=shop)
    waiting = list(rows.exclude(state=Refund.State.SUCCESS).values_list("amount_minor", flat=True))
    return {"shop": shop, "count": len(waiting), "amount_minor": sum(waiting)}


def _why_not(order: Order) -> str:
    try:
        why_not_by_shop(order)
    except Refusal as refusal:
        return refusal.detail
    return ""


def _names(refunds: list[Refund]) -> dict[str, str]:
    """`role:usr_…` → the name of those who work at the shop; others are told by their part only."""
    said = {who for refund in refunds for who in (refund.actor, refund.paid_out_by) if who.startswith("merchant:")}
    people = User.objects.filter(public_id__in=[who.partition(":")[2] for who in said])
    return {f"merchant:{person.public_id}": person.name for person in people}


def _noticed(late: Attempt) -> str:
    """How long it took us, where that is short enough to be said; what happens with the money."""
    seconds = max(1, int((late.recorded_at - late.paid_at).total_seconds())) if late.recorded_at and late.paid_at else 0
    if not 0 < seconds <= SOON:
        return _("We are returning all of it: {amount}.")
    said = ngettext(
        "We noticed it {n} second later and are returning all of it: {amount}.",
        "We noticed it {n} seconds later and are returning all of it: {amount}.",
        seconds,
    )
    return said.replace("{n}", str(seconds))


def _story(refund: Refund, order: Order) -> dict[str, Any]:
    channel, place = CHANNEL[refund.attempt.channel].text, place_of(refund)
    return {
        "reason": reason_of(refund, "customer"),
        "state": CASH_WAITS if may_be_paid_out(refund) else REFUND_STATE[refund.state]["customer"],
        "channel": channel,
        "place": place,
        "amount_minor": refund.amount_minor,
        "moments": list(_moments(refund, order, channel, place)),
    }


def _moments(refund: Refund, order: Order, channel: str, place: str) -> Iterator[Moment]:
    attempt, amount = refund.attempt, money(refund.amount_minor, order.currency)
    if attempt.disposition != Disposition.APPLIED and attempt.recorded_at:
        told = clock_time(attempt.recorded_at, order.shop.zone, seconds=True)
        came = _("Your {amount} came in").format(amount=money(attempt.paid_minor or 0, attempt.paid_currency))
        why = _("{channel} told us at {time}.").format(channel=channel, time=told)
        yield Moment("paid", "card", came, attempt.paid_at, why=why)
    if attempt.channel == Method.CASH or not refund.submitted_at:
        yield Moment("paid", "arrow-back", _("Refund of {amount} started").format(amount=amount), refund.requested_at)
    else:
        asked = _("We asked {channel} to return {amount}").format(channel=channel, amount=amount)
        yield Moment("paid", "arrow-back", asked, refund.submitted_at)
    if refund.accepted_at and attempt.channel != Method.CASH:
        accepted = _("{channel} accepted").format(channel=channel)
        yield Moment("paid", "check", accepted, refund.accepted_at, why=refund.out_refund_no, is_number=True)
    yield _end(refund, channel, place)


def _end(refund: Refund, channel: str, place: str) -> Moment:
    """The last line: it is back, it is held up, or when and where it arrives."""
    if refund.succeeded_at:
        return Moment("paid", "check", REFUND_STATE["SUCCESS"]["customer"].format(place=place), refund.succeeded_at)
    if may_be_paid_out(refund):
        return Moment("now", "", CASH_WAITS.text, why=_("The shop sees it on its list and asks you to sign for it."))
    if refund.state in STUCK:
        return Moment("halt", "triangle", REFUND_STATE[refund.state]["customer"].format(channel=channel))
    arrives = _("Arrives in your {place}").format(place=place)
    return Moment("now", "", arrives, until=_("usually minutes"), why=_("Bank cards: 1 to 3 working days."))
