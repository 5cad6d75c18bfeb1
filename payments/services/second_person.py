"""Refunds by support: at once up to a limit, above it proposed by one person and decided by another.

Called by the repair on the order page and by the queue in admin. Every step leaves a StaffAction.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from config.ground import clock
from config.ground.figures import money
from orders.actors import Actor, as_staff
from orders.models import Order, StaffAction, User
from orders.order import road
from orders.services.hands import note_by_hand, sentence_of
from orders.stock.masking import without_keys
from payments.models import Refund, RefundProposal
from payments.refusals import NothingToReturn, ProposalOpen, ProposalOver, RefundTooMuch, SecondPersonNeeded
from payments.services.give_back import left_to_return, request_refund
from payments.words import PROPOSAL

State = RefundProposal.State


@transaction.atomic
def refund_by_support(
    order_id: str, *, amount_minor: int, words: str, reason: str, key: str, actor: Actor
) -> Refund | RefundProposal:
    """Return an amount, or propose it when one person may not; `words` is for the customer, `reason` for colleagues.

    What was returned by hand of the same order before counts, so nobody gets past the limit in slices.
    Raises NothingToReturn, RefundTooMuch, ProposalOpen.
    """
    order = road.locked(order_id)
    if needs_second_person(order, amount_minor):
        return _propose(order, amount_minor, words, reason, actor)
    return request_refund(
        order_id, amount_minor=amount_minor, reason=Refund.Reason.MANUAL, key=key, words=words, actor=actor
    )


def needs_second_person(order: Order, amount_minor: int) -> bool:
    """Whether this much, on top of what one person alone returned of the order before, is above the limit."""
    rows = Refund.objects.filter(attempt__order=order, reason=Refund.Reason.MANUAL, actor__startswith="staff:")
    alone = rows.filter(proposal__isnull=True).aggregate(total=Sum("amount_minor"))["total"] or 0
    return bool(alone + amount_minor > settings.REFUND_SECOND_PERSON_MINOR)


@transaction.atomic
def approve_refund(proposal_id: str, *, remark: str, user: User, role: str) -> RefundProposal:
    """A second person agrees: the money goes back now, if so much is still left.

    Raises SecondPersonNeeded, ProposalOver, NothingToReturn, RefundTooMuch, ReasonRequired; nothing changes then.
    """
    proposal = _open_for(proposal_id, user)
    sentence = sentence_of(remark)
    refund = request_refund(
        proposal.order.public_id,
        amount_minor=proposal.amount_minor,
        reason=Refund.Reason.MANUAL,
        key=f"proposal:{proposal.public_id}",
        words=proposal.words,
        actor=as_staff(user),
    )
    _decide(proposal, State.APPROVED, sentence, user, role, refund)
    return proposal


@transaction.atomic
def decline_refund(proposal_id: str, *, remark: str, user: User, role: str) -> RefundProposal:
    """A second person does not agree and says why; nothing goes back.

    Raises SecondPersonNeeded, ProposalOver, ReasonRequired.
    """
    proposal = _open_for(proposal_id, user)
    _decide(proposal, State.DECLINED, sentence_of(remark), user, role)
    return proposal


def expire_proposals() -> int:
    """End the proposals that nobody decided in time; returns how many. Safe to repeat."""
    due = RefundProposal.objects.filter(state=State.OPEN, expires_at__lte=clock.now())
    return due.update(state=State.EXPIRED, decided_at=clock.now())


def _propose(order: Order, amount_minor: int, words: str, reason: str, actor: Actor) -> RefundProposal:
    left = left_to_return(order)
    if left == 0:
        raise NothingToReturn
    if not 0 < amount_minor <= left:
        raise RefundTooMuch(field="amount", amount=money(left, order.currency))
    waiting = RefundProposal.objects.filter(order=order, state=State.OPEN).first()
    if waiting is not None:
        raise ProposalOpen(amount=money(waiting.amount_minor, waiting.currency))
    now = clock.now()
    proposal = RefundProposal.objects.create(
        order=order,
        amount_minor=amount_minor,
        currency=order.currency,
        words=without_keys(words, order.shop_id)[:200],
        reason=without_keys(reason, order.shop_id)[:500],
        proposed_by=User.objects.get(public_id=actor.account),
        proposed_at=now,
        expires_at=now + timedelta(hours=settings.REFUND_PROPOSAL_HOURS),
    )
    note_by_hand(order.public_id, actor)  # the order's version moves on: a second press is told so
    return proposal


def _open_for(proposal_id: str, user: User) -> RefundProposal:
    """The proposal, locked behind its order, if this person may decide about it now."""
    order_id = RefundProposal.objects.values_list("order__public_id", flat=True).filter(public_id=proposal_id).first()
    if order_id is None:
        raise ProposalOver(state="–")
    road.locked(order_id)
    rows = RefundProposal.objects.select_for_update(no_key=True, of=("self",)).select_related("order__shop")
    proposal = rows.get(public_id=proposal_id)
    if proposal.state != State.OPEN or proposal.expires_at <= clock.now():
        state = State.EXPIRED if proposal.state == State.OPEN else proposal.state
        raise ProposalOver(state=PROPOSAL[state].text)
    if proposal.proposed_by_id == user.pk:
        raise SecondPersonNeeded
    return proposal


def _decide(
    proposal: RefundProposal, state: State, remark: str, user: User, role: str, refund: Refund | None = None
) -> None:
    remark = without_keys(remark, proposal.order.shop_id)
    proposal.state, proposal.remark, proposal.refund = state, remark[:500], refund
    proposal.decided_by, proposal.decided_at = user, clock.now()
    proposal.save()
    StaffAction.objects.create(
        user=user,
        role=role,
        order=proposal.order,
        does="refund-approve" if state == State.APPROVED else "refund-decline",
        cause=StaffAction.Cause.SEEN,
        reason=remark[:500],
        version=Order.objects.values_list("version", flat=True).get(pk=proposal.order_id),
    )
