"""The shop's side of the life cycle: accept, reject, start, delay, ready."""

from datetime import timedelta

from django.db import transaction

from config.ground import clock
from config.ground.figures import money
from orders import promise
from orders.actors import SYSTEM, Actor
from orders.catalog.models import Trade
from orders.order import road
from orders.order.models import Fulfilment, Order, OrderLine
from orders.order.road import Step, WrongMoment
from orders.order.states import SETTLED, PaymentStatus, RejectKind, Status
from orders.services.cancel import cancel_locked
from orders.services.refusals import AlreadyAccepted, CashStillDue, LinesOpen
from orders.stock import counted

MOST_MINUTES = 180


@transaction.atomic
def confirm_order(order_id: str, *, minutes: int, actor: Actor) -> Order:
    """The shop takes the order and says when it is ready. Refuses while it is not paid (WrongMoment)."""
    order = road.locked(order_id)
    if order.confirmed_at and order.status != Status.CANCELLED:
        ago = int((clock.now() - order.confirmed_at).total_seconds())
        raise AlreadyAccepted(name=order.shop.name, n=ago, m=_promised_minutes(order))
    return confirm_locked(order, minutes, actor)


def confirm_locked(order: Order, minutes: int, actor: Actor) -> Order:
    """`confirm_order` for a caller that already holds the lock."""
    now = clock.now()
    minutes = min(max(minutes, 0), MOST_MINUTES)
    columns: dict[str, object] = {"confirmed_at": now, "answer_by": None}
    data: dict[str, object] = {"minutes": minutes}
    if order.fulfilment != Fulfilment.ISSUE:
        columns |= {"ready_by": now + timedelta(minutes=minutes)} | _window(order, minutes)
        data |= window_fields(columns)
    return road.move(order, order.confirm, Step("order.confirmed", data, columns=columns), actor)


def accept_by_itself(order: Order) -> Order:
    """Accept for the shop, if money is settled and the shop (or the trade) wants that; else nothing happens."""
    if not (order.shop.auto_accept or order.trade == Trade.DIGITAL):
        return order
    if order.status != Status.PENDING or order.payment_status not in SETTLED:
        return order
    return confirm_locked(order, order.shop.prepare_minutes + order.shop.busy_minutes, SYSTEM)


@transaction.atomic
def reject_order(order_id: str, *, why: str, words: str = "", actor: Actor) -> Order:
    """The shop cannot take it: cancelled, and what was paid goes back by itself. Only before it was accepted."""
    order = road.locked(order_id)
    if order.status != Status.PENDING:
        raise WrongMoment(order)
    return cancel_locked(order, "MERCHANT_REJECTED", detail=RejectKind(why), words=words, actor=actor)


@transaction.atomic
def start_preparing(order_id: str, *, actor: Actor) -> Order:
    """Kitchen or warehouse begins."""
    order = road.locked(order_id)
    return road.move(order, order.start_preparing, Step("order.preparing"), actor)


@transaction.atomic
def delay_order(order_id: str, *, minutes: int, actor: Actor) -> Order:
    """It takes so many minutes longer; the arrival window moves with it."""
    order = road.locked(order_id)
    if order.status not in {Status.CONFIRMED, Status.PREPARING} or order.ready_by is None:
        raise WrongMoment(order)
    ready_by = order.ready_by + timedelta(minutes=minutes)
    left = max(0.0, (ready_by - clock.now()).total_seconds() / 60)
    columns: dict[str, object] = {"ready_by": ready_by} | _window(order, left)
    data = {"minutes": minutes} | window_fields(columns)
    return road.move(order, None, Step("order.delayed", data, columns=columns), actor)


@transaction.atomic
def mark_ready(order_id: str, *, actor: Actor) -> Order:
    """Packed. A grocery order wants every line picked or struck out first (LinesOpen)."""
    order = road.locked(order_id)
    if order.trade == Trade.GROCERY and order.status == Status.PREPARING:
        open_lines = order.lines.filter(state=OrderLine.State.OPEN).count()
        if open_lines:
            raise LinesOpen(n=open_lines)
    return road.move(order, order.mark_ready, Step("order.ready", columns={"ready_at": clock.now()}), actor)


@transaction.atomic
def collect_order(order_id: str, *, actor: Actor) -> Order:
    """The customer came and took it; refuses while cash is due (CashStillDue)."""
    order = road.locked(order_id)
    if order.fulfilment != Fulfilment.COLLECTION:
        raise WrongMoment(order)
    if order.status == Status.READY and order.payment_status == PaymentStatus.DUE_ON_DELIVERY:
        raise CashStillDue(amount=money(order.total_minor, order.currency))
    columns = {"ended_at": clock.now()}
    road.move(order, order.collect, Step("order.completed", {"how": "COLLECTED"}, columns=columns), actor)
    counted.take(order.pk)
    return order


def reject_unanswered(order_id: str) -> Order | None:
    """Reject an order that the shop did not answer in time; None when it has been answered meanwhile."""
    with transaction.atomic():
        order = road.locked(order_id)
        if order.status != Status.PENDING or order.answer_by is None or order.answer_by > clock.now():
            return None
        return cancel_locked(order, "MERCHANT_REJECTED", detail=RejectKind.NO_ANSWER, words="", actor=SYSTEM)


def window_fields(columns: dict[str, object]) -> dict[str, object]:
    """The window of these columns as a frame tells it."""
    return {
        "estimatedTime": columns["estimated_minutes"],
        "window": [_iso(columns["promised_from"]), _iso(columns["promised_to"])],
        "readyBy": _iso(columns["ready_by"]),
    }


def _iso(moment: object) -> str:
    return moment.isoformat() if hasattr(moment, "isoformat") else ""


def _window(order: Order, minutes: float) -> dict[str, object]:
    """The arrival window when the goods are ready in `minutes`."""
    travel = 0.0
    if order.fulfilment == Fulfilment.DELIVERY:
        spot = order.recipient.get("location")
        travel = promise.travel_minutes(
            promise.distance_m(order.shop.latitude, order.shop.longitude, spot["lat"], spot["lng"]) if spot else 0
        )
    span = promise.window(clock.now(), minutes, travel)
    return {"promised_from": span.start, "promised_to": span.end, "estimated_minutes": span.minutes}


def _promised_minutes(order: Order) -> int:
    if order.ready_by is None or order.confirmed_at is None:
        return 0
    return int((order.ready_by - order.confirmed_at).total_seconds() // 60)
