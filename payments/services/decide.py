"""Support decides about differences, and tries again what was set aside; each with a sentence and a name.

Called by the desk. What a button does besides the record stands in payments/remedies.py.
"""

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from config.ground import clock
from config.ground.problems import Refusal
from orders.models import Order, StaffAction, User
from orders.services.hands import sentence_of
from orders.stock.masking import without_keys
from payments import aside, refunds, remedies, settle
from payments.models import Attempt, Difference, DifferenceStep, Refund

State = Difference.State
LONGEST = 300  # letters of a remark


class AlreadyDecided(Refusal):
    """Somebody (or a bill) was faster."""

    code = "wrong_moment"
    status = 409
    message = _("Not done: this difference is not open any more. Look at who ended it, and why.")


class NotSetAside(Refusal):
    """There is nothing to try again."""

    code = "wrong_moment"
    status = 409
    message = _("Not done: it is not set aside any more.")


@transaction.atomic
def take_charge(difference_id: str, *, user: User, role: str) -> Difference:
    """Put one's name against it; from whoever had it before. Raises AlreadyDecided."""
    difference = _locked(difference_id)
    if difference.in_charge_id != user.pk:
        difference.in_charge = user
        difference.save(update_fields=["in_charge"])
        _write(difference, "taken", user, role, "")
    return difference


def resolve(difference_id: str, *, remark: str, user: User, role: str) -> Difference:
    """Do the proposed step, then end it as MANUAL. Outside transactions: the step may talk to a gateway.

    Raises ReasonRequired, AlreadyDecided, NotExplained (the step did not help; nothing is ended).
    """
    sentence = sentence_of(remark)
    difference = Difference.objects.filter(public_id=difference_id, state__in=Difference.UNDECIDED).first()
    if difference is None:
        raise AlreadyDecided
    act = remedies.remedy_of(difference).act
    if act is None:
        return _end(difference_id, State.MANUAL, "decided", sentence, user, role)
    act(difference)  # which may have ended it already
    return _end(
        difference_id, State.MANUAL, "decided", sentence, user, role, may_be=(*Difference.UNDECIDED, State.AUTO_FIXED)
    )


def ignore(difference_id: str, *, remark: str, user: User, role: str) -> Difference:
    """Say that it is no difference; the same figures are not asked again. Raises ReasonRequired, AlreadyDecided."""
    return _end(difference_id, State.IGNORED, "ignored", sentence_of(remark), user, role)


def wait(difference_id: str, *, remark: str, user: User, role: str) -> Difference:
    """Leave it to the next bill, which ends or reopens it. Raises ReasonRequired, AlreadyDecided."""
    return _end(difference_id, State.WAIT_NEXT_DAY, "waits", sentence_of(remark), user, role)


def try_again(what: str, number: str, *, remark: str, user: User, role: str) -> bool:
    """Bring money ("money", an attempt's id) or a refund ("refunds", its number) back and try it once, now.

    Returns whether it went through; if not, the clock goes on trying. Raises ReasonRequired, NotSetAside.
    """
    sentence = sentence_of(remark)
    if what == "money":
        return _apply_again(number, sentence, user, role)
    return _push_again(number, sentence, user, role)


def _apply_again(attempt_id: str, sentence: str, user: User, role: str) -> bool:
    with transaction.atomic():
        attempt = Attempt.objects.select_for_update(no_key=True).filter(public_id=attempt_id).first()
        if attempt is None or attempt.set_aside_at is None:
            raise NotSetAside
        Attempt.objects.filter(pk=attempt.pk).update(set_aside_at=None, set_aside_why="", apply_tries=0)
        _record(user, role, "money.try_again", sentence, attempt.order)
    try:
        settle.apply(attempt_id)
    except Exception as error:  # noqa: BLE001 - the row is poison: its error is what the person reads
        aside.money_failed(attempt.pk, 0, error)
        return False
    return True


def _push_again(number: str, sentence: str, user: User, role: str) -> bool:
    with transaction.atomic():
        row = Refund.objects.select_for_update(no_key=True, of=("self",)).select_related("attempt__order")
        refund = row.filter(out_refund_no=number, set_aside_at__isnull=False).first()
        if refund is None:
            raise NotSetAside
        refund.set_aside_at, refund.set_aside_why, refund.faults, refund.next_try_at = None, "", 0, clock.now()
        refund.save(update_fields=["set_aside_at", "set_aside_why", "faults", "next_try_at"])
        _record(user, role, "refund.try_again", sentence, refund.attempt.order)
    try:
        refunds.push(refund)
    except Exception as error:  # noqa: BLE001 - as above
        aside.refund_failed(refund, error)
        return False
    return True


@transaction.atomic
def _end(
    difference_id: str,
    state: Difference.State,
    did: str,
    sentence: str,
    user: User,
    role: str,
    may_be: Sequence[str] = Difference.UNDECIDED,
) -> Difference:
    difference = _locked(difference_id, may_be)
    sentence = _kept(sentence, _order_of(difference))
    difference.state, difference.remark, difference.decided_by = state, sentence[:LONGEST], user
    difference.decided_at = None if state == State.WAIT_NEXT_DAY else clock.now()
    difference.save(update_fields=["state", "remark", "decided_by", "decided_at"])
    _write(difference, did, user, role, sentence)
    return difference


def _locked(difference_id: str, may_be: Sequence[str] = Difference.UNDECIDED) -> Difference:
    rows = Difference.objects.select_for_update(no_key=True).filter(public_id=difference_id)
    difference = rows.filter(state__in=may_be).first()
    if difference is None:
        raise AlreadyDecided
    return difference


def _write(difference: Difference, did: str, user: User, role: str, sentence: str) -> None:
    DifferenceStep.objects.create(difference=difference, did=did, user=user, remark=sentence[:LONGEST])
    _record(user, role, f"difference.{did}", sentence or f"{difference.public_id} {difference}", _order_of(difference))


def _record(user: User, role: str, does: str, reason: str, order: Order | None) -> None:
    StaffAction.objects.create(user=user, role=role, order=order, does=does, reason=_kept(reason, order)[:500])


def _order_of(difference: Difference) -> Order | None:
    return Order.objects.filter(public_id=difference.order_ref).first() if difference.order_ref else None


def _kept(sentence: str, order: Order | None) -> str:
    """What somebody wrote, without a card key that they pasted into it."""
    return without_keys(sentence, order.shop_id) if order is not None else sentence
