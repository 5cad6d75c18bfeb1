"""Cash goes from whoever took it to the bank: the holder counts and hands in, somebody else counts and receives.

Called by payments/rider/, payments/merchant/ and payments/admin/. Locks: the ledger account of the holder (and of the
till that receives), by name, then the hand-in. Collecting takes the same account's lock, so either a payment is part of
the shift that is being closed or it belongs to the next one.
"""

import logging

from django.conf import settings
from django.db import transaction

from config.ground import clock
from config.ground.figures import clock_time, money
from orders.models import Shop, User
from payments import differences, ledger, settle
from payments.cash.in_hand import Holder, in_hand, places_for
from payments.cash.refusals import (
    CashMoved,
    CountAbsurd,
    DifferenceSaysWhy,
    HandInOver,
    HandInWaits,
    NoSuchHandIn,
    NoSuchPlace,
    NothingInHand,
    OwnCash,
)
from payments.models import Attempt, Difference, HandIn

MOST_OVER_MINOR = 100_000  # 1,000 yuan beyond the books is a slip of the finger, not a count
ROUNDS = 5  # of applying what was collected a moment ago; each needs a new payment at this very moment
State = HandIn.State

logger = logging.getLogger(__name__)


def hand_in_cash(holder: Holder, *, counted_minor: int, expected_minor: int, to_shop: str = "", by: User) -> HandIn:
    """Close the shift: `by` counted so much; everything the books say the holder has is on its way out of their hands.

    `expected_minor` is what the page said, so that nobody hands in what they have not seen; `to_shop` a shop's public
    id, empty for the depot. Pressed twice it is one hand-in. Raises NothingInHand, CashMoved, CountAbsurd, HandInWaits,
    NoSuchPlace.
    """
    for _round in range(ROUNDS):
        _apply_what_was_collected(holder)
        made = _count(holder, counted_minor, expected_minor, to_shop, by)
        if made is not None:
            return made
    raise CashMoved(amount=money(in_hand(holder.account).amount_minor))


def withdraw_hand_in(hand_in_id: str) -> HandIn:
    """Take it back before it was received, to count again. Safe to repeat. Raises NoSuchHandIn, HandInOver."""
    with transaction.atomic():
        hand_in = _locked(hand_in_id)
        if hand_in.state == State.CONFIRMED:
            raise HandInOver(how=how_it_ended(hand_in))
        if hand_in.state == State.COUNTED:
            hand_in.state = State.WITHDRAWN
            hand_in.save(update_fields=["state"])
    return hand_in


def receive_cash(hand_in_id: str, *, received_minor: int, words: str = "", by: User) -> HandIn:
    """`by` counted the money and has it now: the books move, and what differs from them is written down for support.

    The same count of the same person again changes nothing. Raises NoSuchHandIn, HandInOver, OwnCash, CountAbsurd,
    DifferenceSaysWhy (the words are the receiver's).
    """
    with transaction.atomic():
        hand_in = _locked(hand_in_id)
        if hand_in.state != State.COUNTED:
            if (hand_in.received_minor, hand_in.received_by_id) == (received_minor, by.pk):
                return hand_in
            raise HandInOver(how=how_it_ended(hand_in))
        if by.pk in {hand_in.counted_by_id, hand_in.rider_id}:
            raise OwnCash
        _refuse_absurd(received_minor, hand_in.expected_minor, "received")
        difference = received_minor - hand_in.expected_minor
        if difference and not words.strip():
            raise DifferenceSaysWhy(field="words", amount=money(received_minor))
        hand_in.state, hand_in.received_minor, hand_in.received_by = State.CONFIRMED, received_minor, by
        hand_in.received_at, hand_in.words = clock.now(), words.strip()[:200]
        hand_in.save()
        ledger.book_hand_in(hand_in)
        if difference:
            _report(hand_in)
    return hand_in


def how_it_ended(hand_in: HandIn) -> str:
    """Who received how much and when; empty when it was taken back."""
    if hand_in.received_by is None or hand_in.received_at is None:
        return ""
    amount = money(hand_in.received_minor or 0, hand_in.currency)
    return f"{hand_in.received_by.name}: {amount}, {clock_time(hand_in.received_at, _zone(hand_in))}"


def _zone(hand_in: HandIn) -> str:
    place = hand_in.to_shop or hand_in.shop
    return place.zone if place else settings.TIME_ZONE


def _apply_what_was_collected(holder: Holder) -> None:
    """Money that was written down but not booked yet (a crash in between) is booked before anybody counts it."""
    for attempt in _unbooked(holder):
        try:
            settle.apply(attempt.public_id)
        except Exception:
            logger.exception("%s stays unbooked; the clock tries again, then sets it aside", attempt)


def _unbooked(holder: Holder) -> list[Attempt]:
    rows = Attempt.objects.to_apply().filter(channel="CASH").select_related("order__shop")
    return [one for one in rows if ledger.held_by(one.collector, one.order.shop) == holder.account]


@transaction.atomic(durable=True)
def _count(holder: Holder, counted_minor: int, expected_minor: int, to_shop: str, by: User) -> HandIn | None:
    """Write the hand-in; None when a payment was written down a moment ago and has to be booked first."""
    account = ledger.hold(holder.account).get(holder.account)
    now = in_hand(holder.account)
    if now.waiting is not None:
        same = (now.waiting.counted_minor, now.waiting.expected_minor, now.waiting.counted_by_id)
        if same == (counted_minor, expected_minor, by.pk):
            return now.waiting
        waits = now.waiting
        raise HandInWaits(amount=money(waits.counted_minor), time=clock_time(waits.counted_at, _zone(waits)))
    if _unbooked(holder):
        return None
    if account is None or now.amount_minor <= 0:
        raise NothingInHand
    if now.amount_minor != expected_minor:
        raise CashMoved(amount=money(now.amount_minor))
    _refuse_absurd(counted_minor, expected_minor, "counted")
    return HandIn.objects.create(
        holder=account,
        rider=holder.rider,
        shop=holder.shop,
        to_shop=_place(holder, to_shop),
        expected_minor=expected_minor,
        up_to=now.up_to,
        opened_at=now.since or clock.now(),
        counted_minor=counted_minor,
        counted_by=by,
    )


def _place(holder: Holder, to_shop: str) -> Shop | None:
    """The shop that will receive it; None is the depot, which takes everybody's."""
    if not to_shop:
        return None
    found = [shop for shop in (places_for(holder.rider) if holder.rider else []) if shop.public_id == to_shop]
    if not found:
        raise NoSuchPlace(field="to")
    return found[0]


def _refuse_absurd(counted_minor: int, expected_minor: int, field: str) -> None:
    if not 0 <= counted_minor <= expected_minor + MOST_OVER_MINOR:
        raise CountAbsurd(field=field, counted=money(counted_minor), amount=money(expected_minor))


def _locked(hand_in_id: str) -> HandIn:
    """The hand-in with its accounts, locked in the order of the module."""
    rows = HandIn.objects.select_related("holder", "to_shop", "shop", "rider", "received_by")
    known = rows.filter(public_id=hand_in_id).first()
    if known is None:
        raise NoSuchHandIn
    receiver = [ledger.till_of(known.to_shop)] if known.to_shop else []
    ledger.hold(*sorted([known.holder.name, *receiver]))
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=known.pk)


def _report(hand_in: HandIn) -> None:
    differences.report(
        differences.Found(
            kind=Difference.Kind.AMOUNT,
            subject=f"cash:{hand_in.public_id}",
            channel="CASH",
            ours_minor=hand_in.expected_minor,
            theirs_minor=hand_in.received_minor,
            facts={"holder": hand_in.holder.name, "counted": hand_in.counted_minor, "words": hand_in.words},
        )
    )
