"""The repairs of the order page: a table of buttons, each exactly one service; config/desk/repairs.py adds others."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.ground.figures import money
from orders import second_factor, services
from orders.actors import Actor
from orders.order.hands import StaffAction
from orders.order.models import Fulfilment, Order
from orders.order.states import SETTLED, PaymentStatus, Status
from orders.people import User
from orders.roles import role_of
from orders.services.refusals import Required

WHOLE = re.compile(r"[0-9]{1,9}")
Words = str | Promise
Form = Mapping[str, Any]


def _note(order_id: str, actor: Actor, form: Form) -> Order:
    del form
    return services.note_by_hand(order_id, actor)


def _no_hint(order: Order) -> Words:
    del order
    return ""


@dataclass(frozen=True)
class Repair:
    """One button. `why_not` says in a few words why it cannot be pressed now (empty: it can).

    `verb` runs in the transaction of the record; `after`, for what talks to the outside, runs when that is committed
    and returns the sentence that the person reads. A repair with `asks` opens a dialog with those fields.
    """

    does: str
    label: Words
    said: Words  # completes “Your role cannot …”
    why_not: Callable[[Order], Words]
    verb: Callable[[str, Actor, Form], object] = _note
    after: Callable[[Order], Words] | None = None
    asks: tuple[str, ...] = ()
    permission: str = "orders.repair_order"
    is_grave: bool = False  # drawn red; asks for the second factor
    hint: Callable[[Order], Words] = _no_hint  # what its dialog says about the money
    shows: Callable[["Repair", Order, Form, User, str | None], str] | None = None  # instead of `verb`: shown once


def carry_out(repair: Repair, order: Order, form: Form, user: User) -> Words:
    """Press the button: check, do, record. Returns what to say; raises Refusals, and nothing is changed then."""
    record(repair, order, form, user, partial(_with_form, repair, form))
    return repair.after(order) if repair.after else _("Done and recorded.")


def record(repair: Repair, order: Order, form: Form, user: User, verb: services.hands.Verb) -> None:
    """Do `verb` in the name of this button: second factor where it is grave, reason, version, record."""
    if repair.is_grave:
        second_factor.confirm(user, str(form.get("code", "")))
    cause = str(form.get("cause", ""))
    services.by_hand(
        order.public_id,
        does=repair.does,
        reason=str(form.get("reason", "")),
        seen_version=whole(form, "version", least=0),
        user=user,
        role=role_of(user),
        cause=cause if cause in StaffAction.Cause.values else "",
        verb=verb,
    )


def _with_form(repair: Repair, form: Form, order_id: str, actor: Actor) -> object:
    return repair.verb(order_id, actor, form)


def whole(form: Form, name: str, *, least: int = 1) -> int:
    """A whole number that was typed. Raises Required for anything else."""
    typed = str(form.get(name, "")).strip()
    if not WHOLE.fullmatch(typed) or int(typed) < least:
        raise Required(field=name)
    return int(typed)


def only_in(*states: Status) -> Callable[[Order], Words]:
    """Can be pressed in these states only."""

    def why_not(order: Order) -> Words:
        return "" if order.status in states else _("not in this state")

    return why_not


def _why_not_confirm(order: Order) -> Words:
    if order.status != Status.PENDING:
        return _("already answered")
    return "" if order.payment_status in SETTLED else _("not paid yet")


def _why_not_collect(order: Order) -> Words:
    if order.fulfilment != Fulfilment.COLLECTION or order.status != Status.READY:
        return _("nobody collects it")
    return _("cash is due") if order.payment_status == PaymentStatus.DUE_ON_DELIVERY else ""


def _why_not_cancel(order: Order) -> Words:
    return _("it is over") if order.is_ended else ""


def _what_goes_back(order: Order) -> Words:
    kept = order.paid_minor - order.returned_minor
    if kept == 0:
        return _("Nothing was paid, so nothing goes back.")
    return gettext("%(amount)s goes back to the customer the way it came.") % {"amount": money(kept, order.currency)}


def _confirm(order_id: str, actor: Actor, form: Form) -> Order:
    return services.confirm_order(order_id, minutes=whole(form, "minutes"), actor=actor)


def _start(order_id: str, actor: Actor, form: Form) -> Order:
    del form
    return services.start_preparing(order_id, actor=actor)


def _ready(order_id: str, actor: Actor, form: Form) -> Order:
    del form
    return services.mark_ready(order_id, actor=actor)


def _collect(order_id: str, actor: Actor, form: Form) -> Order:
    del form
    return services.collect_order(order_id, actor=actor)


def _withdraw(order_id: str, actor: Actor, form: Form) -> Order:
    del form
    return services.withdraw_link(order_id, actor)


def _cancel(order_id: str, actor: Actor, form: Form) -> Order:
    words = str(form.get("words", "")).strip()
    if not words:
        raise Required(field="words")
    return services.cancel_order(order_id, reason="STAFF", words=words, actor=actor)


NOTE = Repair("note", _("Write the note"), _("write notes"), lambda _order: "")
CONFIRM = Repair(
    "confirm", _("Accept for the shop…"), _("accept orders"), _why_not_confirm, _confirm, asks=("minutes",)
)
START = Repair("start", _("Start preparing"), _("start orders"), only_in(Status.CONFIRMED), _start)
READY = Repair("ready", _("Mark ready"), _("mark orders ready"), only_in(Status.PREPARING), _ready)
COLLECTED = Repair("collected", _("Mark collected"), _("mark orders collected"), _why_not_collect, _collect)
WITHDRAW = Repair(
    "withdraw_link", _("Withdraw the private link"), _("withdraw private links"),
    lambda order: "" if order.has_open_link else _("nobody holds one"), _withdraw,
)  # fmt: skip
CANCEL = Repair(
    "cancel", _("Cancel order…"), _("cancel orders"), _why_not_cancel, _cancel,
    asks=("words",), is_grave=True, hint=_what_goes_back,
)  # fmt: skip
