"""Support's hand on an order: the same services as everybody's, with a reason, on what was really on the screen.

Called by admin only. The reason is kept in StaffAction; the log only says that support did it.
"""

from collections.abc import Callable

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from notifications.models import Event
from orders.actors import Actor, as_staff
from orders.order import road
from orders.order.hands import StaffAction
from orders.order.models import Order
from orders.order.road import Step
from orders.people import User
from orders.services.refusals import ReasonRequired
from orders.stock.masking import without_keys

LEAST_LETTERS = 10  # of a reason: one sentence

Verb = Callable[[str, Actor], object]


class MovedOn(Refusal):
    """The order is not the one that was on the screen any more."""

    code = "wrong_moment"
    status = 409
    message = _("You saw v{seen} ({was}); it is now v{version} ({now}). Look again and decide.")


class RoleMissing(Refusal):
    """Support, but not of the role that may do this."""

    code = "role_missing"
    status = 403
    message = _("Your role “{role}” cannot {verb}. This try was recorded.")


def by_hand(
    order_id: str, *, does: str, reason: str, seen_version: int, user: User, role: str, cause: str = "", verb: Verb
) -> StaffAction:
    """Do `verb` (a service that takes order id and actor) with an order that is still at `seen_version`.

    Action and record are one transaction. Raises ReasonRequired, MovedOn, NoSuchOrder and whatever the verb raises.
    """
    sentence = sentence_of(reason)
    with transaction.atomic():
        order = road.locked(order_id)
        if order.version != seen_version:
            raise MovedOn(
                seen=seen_version, was=_status_at(order, seen_version), version=order.version, now=order.status
            )
        verb(order_id, as_staff(user))
        version = Order.objects.values_list("version", flat=True).get(pk=order.pk)  # the FSM cannot load one field
        return StaffAction.objects.create(
            user=user,
            role=role,
            order=order,
            does=does,
            cause=cause,
            reason=without_keys(sentence, order.shop_id),  # a customer's key is pasted into it before one thinks
            seen_version=seen_version,
            version=version,
        )


def note_by_hand(order_id: str, actor: Actor) -> Order:
    """The verb that changes nothing: a line on the time line says that support was here."""
    return road.move(road.locked(order_id), None, Step("staff.noted"), actor)


def record_denied(user: User, role: str, does: str, order: Order | None = None) -> StaffAction:
    """Keep the try of somebody whose role may not."""
    denied = StaffAction.Outcome.DENIED
    return StaffAction.objects.create(user=user, role=role, order=order, does=does[:80], outcome=denied)


def sentence_of(reason: str) -> str:
    """What a person wrote, as one line of at least ten characters. Raises ReasonRequired."""
    sentence = " ".join(reason.split())
    if len(sentence) < LEAST_LETTERS:
        raise ReasonRequired(field="reason")
    return sentence[:500]


def _status_at(order: Order, version: int) -> str:
    """The status that the log told up to this version."""
    told = Event.objects.filter(stream=order.stream, version__lte=version, data__has_key="status")
    return str(told.order_by("-version").values_list("data__status", flat=True).first() or "PENDING")
