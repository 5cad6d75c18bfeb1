"""What the rider's two pages show: reads only, called by views.py."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.http import Http404
from django.utils.translation import gettext as _

from config.ground import clock, figures
from orders.order.models import Order
from orders.order.states import PaymentStatus
from orders.words import cancel_word, payment_word, status_word
from tracking import fares
from tracking import jobs as open_jobs
from tracking.models import Delivery, Rider
from tracking.places import street_of
from tracking.steps import Step, next_step
from tracking.words import IN_TIME, LATE

ON_THE_WAY = {Step.CASH, Step.HAND_OVER}


def jobs(rider: Rider, seen: list[str]) -> dict[str, Any]:
    """The list: own running jobs, open ones (only on duty), and those of `seen` that have just gone elsewhere."""
    at = clock.now()
    running = [_running(delivery) for delivery in _own_running(rider)]
    if not rider.is_on_duty:
        return {"rider": rider, "running": running, "jobs": [], "gone": [], "at": at}
    return {
        "rider": rider,
        "running": running,
        "jobs": open_jobs.open_jobs(at),
        "gone": open_jobs.gone(seen, rider, at),
        "others": Rider.objects.filter(is_on_duty=True).exclude(pk=rider.pk).count(),
        "at": at,
    }


def _own_running(rider: Rider) -> list[Delivery]:
    rows = Delivery.objects.running().filter(rider=rider).with_order().order_by("claimed_at")
    return [delivery for delivery in rows if not delivery.order.is_ended]


def _running(delivery: Delivery) -> dict[str, Any]:
    order = delivery.order
    step = _step(order)
    return {"delivery": delivery, "order": order, "word": status_word(order, "rider"), "say": sentence(order, step)}


def sentence(order: Order, step: Step) -> str:
    """The next step in one sentence, as the page shows and speaks it."""
    shop, line = order.shop.name, str(order.recipient.get("line", ""))
    amount = figures.money(order.total_minor, order.currency)
    return {
        Step.GO: _("Go to {shop}"),
        Step.COLLECT: _("Collect #{number} at {shop}"),
        Step.CASH: _("Collect {amount} in cash at {line}"),
        Step.HAND_OVER: _("Hand over at {line}"),
        Step.DONE: status_word(order, "rider").text,
        Step.CANCELLED: status_word(order, "rider").text,
    }[step].format(shop=shop, line=line, amount=amount, number=order.number)


def _step(order: Order) -> Step:
    return next_step(order.status, order.payment_status)


def job(rider: Rider, order_id: str) -> dict[str, Any]:
    """The current job: its next step and what that step needs. 404 for a job that is not this rider's."""
    rows = Delivery.objects.filter(rider=rider, order__public_id=order_id).exclude(state=Delivery.State.RELEASED)
    delivery = rows.with_order().order_by("-id").first()
    if delivery is None:
        raise Http404
    order, step, at = delivery.order, _step(delivery.order), clock.now()
    running = [one.pk for one in _own_running(rider)]
    facts: dict[str, Any] = {
        "rider": rider,
        "delivery": delivery,
        "order": order,
        "shop": order.shop,
        "step": step.value,
        "say": sentence(order, step),
        "word": status_word(order, "rider"),
        "why": cancel_word(order, "rider") if step == Step.CANCELLED else None,
        "earned_minor": _earned(delivery, step),
        "ready_at": order.ready_at or order.ready_by,
        "km": fares.as_km(delivery.way_m),
        "street": street_of(str(order.recipient.get("line", ""))),
        "items": sum(line.quantity - line.struck_quantity for line in order.lines.all()),
        "place": running.index(delivery.pk) + 1 if delivery.pk in running else 0,
        "of": len(running),
        "at": at,
    }
    return facts | _standing(order, at) | (_door(order) if step in ON_THE_WAY else {}) | _target(order, step)


def _earned(delivery: Delivery, step: Step) -> int:
    """What it pays now; a cancelled job pays the way before its delivery has been closed too."""
    if step == Step.CANCELLED and delivery.state == Delivery.State.CLAIMED:
        return fares.IN_VAIN_MINOR
    return delivery.pay_minor


def _standing(order: Order, at: datetime) -> dict[str, Any]:
    """How it stands against the promise."""
    if order.promised_to is None:
        return {}
    late = int((at - order.promised_to).total_seconds() // 60)
    return {"standing": LATE if late > 0 else IN_TIME, "late": max(0, late)}


def _door(order: Order) -> dict[str, Any]:
    """Name, phone, address and money; told from the pick-up to the hand-over and not longer."""
    amount = figures.money(order.total_minor, order.currency)
    due = order.payment_status == PaymentStatus.DUE_ON_DELIVERY
    money = payment_word(order, "rider", amount=amount) if due else None
    called = order.recipient.get("name", "").split(" ")[0]
    return {"door": order.recipient, "called": called, "note": order.note, "cash": money, "amount": amount}


def _target(order: Order, step: Step) -> dict[str, Any]:
    """Where to ride, as a `geo:` address (RFC 5870) that the phone opens in its own map."""
    if step in ON_THE_WAY:
        place, label = order.recipient.get("location") or {}, order.recipient.get("line", "")
        lat, lon = place.get("lat"), place.get("lng")
    else:
        lat, lon, label = order.shop.latitude, order.shop.longitude, order.shop.name
    point = f"{lat},{lon}" if lat is not None else "0,0"
    query = f"{point}({label})" if lat is not None else str(label)
    return {"navigate": f"geo:{point}?q={quote(query, safe=',()')}"}
