"""The one road by which an order changes: lock, let the state machine decide, write order and event together.

Called only by orders/services. One statement writes both rows, on the condition that the version is still the
one that was read: the lock makes that certain, the condition proves it (0 rows is a bug, not a retry).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext_lazy as _
from django_fsm import TransitionNotAllowed

from config.ground.problems import Refusal
from notifications import log
from orders.actors import Actor
from orders.order.models import Fulfilment, Order
from orders.order.states import Status
from orders.people import public_id_of
from orders.words import facts_of, status_key, status_word

Shapes = Mapping[str, Mapping[str, Any]]

# While these hold, riders on duty hear of the order: it may be a job, or has just stopped being one.
JOBS_HEAR = frozenset({Status.CONFIRMED, Status.PREPARING, Status.READY, Status.CANCELLED})


class NoSuchOrder(Refusal):
    """There is none, or it is somebody else's: the same answer."""

    code = "not_found"
    status = 404
    message = _("We cannot find this order. Check the link, or sign in with the account that placed it.")


class WrongMoment(Refusal):
    """The order is no longer (or not yet) where this could be done."""

    code = "wrong_moment"
    status = 409
    message = _("Not done: the order moved on. It is now “{status}”. Look again and decide.")

    def __init__(self, order: Order) -> None:
        self.order = order
        super().__init__(status=status_word(order, "customer").text, now=order.status)


SUMS = frozenset({"amountMinor", "returnedMinor"})  # a rider carries it and need not know what it cost


class Step(NamedTuple):
    """What one step adds to its event: type, public data, the extra shape of each role, and columns to write."""

    type: str
    data: Mapping[str, Any] = {}
    only: Shapes = {}
    columns: Mapping[str, Any] = {}


def locked(order_id: str) -> Order:
    """The order, its row locked until the transaction ends. Raises NoSuchOrder."""
    try:
        rows = Order.objects.select_for_update(no_key=True, of=("self",))
        return rows.select_related("shop").get(public_id=order_id)
    except Order.DoesNotExist:
        raise NoSuchOrder from None


def move(order: Order, decide: Callable[[], object] | None, step: Step, actor: Actor) -> Order:
    """Take one step with a locked order: `decide` is a bound transition (None: only a line on the time line).

    Raises WrongMoment when the state machine refuses. The given object is brought up to date and returned.
    """
    before = _Before(order.status, order.payment_status, status_key(order))
    if decide is not None:
        try:
            decide()
        except TransitionNotAllowed:
            raise WrongMoment(order) from None
    columns = dict(step.columns)
    for name in ("cancel_reason", "completed_how"):
        if name not in columns and decide is not None:
            columns[name] = getattr(order, name)
    for name, value in columns.items():
        setattr(order, name, value)
    order.version += 1
    _write(order, [*columns, "status", "payment_status", "version"], _envelope(order, before, step, actor))
    return order


class _Before(NamedTuple):
    status: str
    payment_status: str
    word: str


def _envelope(order: Order, before: _Before, step: Step, actor: Actor) -> log.Envelope:
    """Only what changed, plus the key of its new word (and that word's facts) when it wears another one."""
    data: dict[str, Any] = dict(step.data)
    if order.status != before.status:
        data["status"] = order.status
    if order.payment_status != before.payment_status:
        data["paymentStatus"] = order.payment_status
    word = status_key(order)
    if word != before.word:
        data |= {"word": word, "facts": facts_of(order)}
    only = {role: dict(shape) for role, shape in step.only.items()}
    if sums := SUMS & data.keys():
        only["rider"] = dict.fromkeys(sums) | only.get("rider", {})
    return log.Envelope(
        stream=order.stream,
        version=order.version,
        type=step.type,
        data=data,
        only=only,
        topics=topics_of(order),
        actor=actor.role,
        account=actor.account,
    )


def topics_of(order: Order) -> tuple[str, ...]:
    """Where else an order's events are heard: its shop's board, its customer's list, its rider, open jobs, support."""
    topics = [f"board/{order.shop.public_id}", "ops"]
    if order.customer_id is not None:
        topics.append(f"customer/{public_id_of(order.customer_id)}")
    if order.carrier_id is not None:
        topics.append(f"rider/{public_id_of(order.carrier_id)}")
    if order.fulfilment == Fulfilment.DELIVERY and order.status in JOBS_HEAR:
        topics.append("jobs")
    return tuple(topics)


def _write(order: Order, columns: Iterable[str], envelope: log.Envelope) -> None:
    quote = connection.ops.quote_name
    model_fields = [Order._meta.get_field(name) for name in columns]  # noqa: SLF001 - public by practice
    fields = {field.column: field.value_from_object(order) for field in model_fields}
    assignments = ", ".join(f"{quote(column)} = %s" for column in fields)
    sql = f"moved AS (UPDATE orders_order SET {assignments} WHERE id = %s AND version = %s RETURNING id)"  # noqa: S608 - column names are ours
    read = order.version - 1
    rows = log.append_with(sql, [*fields.values(), order.pk, read], envelope)
    if len(rows) != 1:
        message = f"order {order.public_id} was not at version {read} although it was locked"
        raise RuntimeError(message)
