"""Booking: one function per movement of money; settle.py, refunds/ and services/ call it inside their transactions.

`ref` makes each movement unique, so booking twice is refused by the database. Plus means that the account has more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Sum

from config.ground import clock
from orders.models import Order, Shop, User
from payments.models import Attempt, Disposition, HandIn, LedgerAccount, LedgerEntry, LedgerPosting, Refund

SUSPENSE = "suspense"  # money that belongs to no order; must return to 0
BANK = "bank"
GATEWAY_FEE = "expense:gateway_fee"
CASH_DIFFERENCE = "expense:cash_difference"  # plus: cash is missing; minus: there was more than the books said
CASH = "cash:"
REVENUE = "revenue:"
CURRENCY = "CNY"
SHANGHAI = timezone(timedelta(hours=8))  # the gateways' bills are cut at midnight there
Kind = LedgerEntry.Kind


@dataclass(frozen=True)
class Movement:
    """What an entry says besides its postings."""

    ref: str
    kind: LedgerEntry.Kind
    shop_pk: int | None = None
    order_ref: str = ""
    currency: str = CURRENCY
    at: datetime | None = None


def book_payment(attempt: Attempt, order: Order) -> None:
    """Money came in: where it lies, against revenue when it was applied, else against suspense."""
    amount = attempt.paid_minor or 0
    postings = {_holder(attempt, order): amount, _counterpart(attempt, order): -amount}
    _post(_of_order(f"payment:{attempt.public_id}", Kind.PAYMENT, attempt, order), postings)


def book_refund(refund: Refund, attempt: Attempt, order: Order) -> None:
    """Money went back: the way it came, or out of what `refund.holder` names when a person gave it back."""
    amount = refund.amount_minor
    holder = _in_the_till(refund.holder, order.shop) or _holder(attempt, order)
    postings = {_counterpart(attempt, order): amount, holder: -amount}
    _post(_of_order(f"refund:{refund.out_refund_no}", Kind.REFUND, attempt, order), postings)


def book_fee(channel: str, day: date, amount_minor: int, *, ref: str, shop: Shop | None = None) -> bool:
    """What a gateway kept of the money of one day of its bill; negative when it gave fees back with refunds.

    Booked at the end of that day. Safe to repeat: a `ref` (such as `fee:WECHAT:2026-11-20`) is booked once and keeps
    its amount. Returns whether it was booked now; 0 books nothing. With a `shop` it stands on that shop's statement.
    """
    if amount_minor == 0 or LedgerEntry.objects.filter(ref=ref).exists():
        return False
    end = datetime.combine(day, time.max, tzinfo=SHANGHAI).astimezone(UTC)
    movement = Movement(ref, Kind.FEE, shop.pk if shop else None, at=min(end, clock.now()))
    try:
        with transaction.atomic():
            _post(movement, {GATEWAY_FEE: amount_minor, f"gateway:{channel}": -amount_minor})
    except IntegrityError:  # another run booked it at this very moment
        return False
    return True


def book_hand_in(hand_in: HandIn) -> None:
    """Cash changed hands: all that the holder had leaves them, what was found arrives, the rest is a difference."""
    found, expected = hand_in.received_minor or 0, hand_in.expected_minor
    receiver = till_of(hand_in.to_shop) if hand_in.to_shop else BANK
    postings = {hand_in.holder.name: -expected, receiver: found, CASH_DIFFERENCE: expected - found}
    shop_pk = hand_in.shop_id or hand_in.to_shop_id
    _post(
        Movement(f"hand-in:{hand_in.public_id}", Kind.CASH, shop_pk, currency=hand_in.currency),
        {name: amount for name, amount in postings.items() if amount},
    )


def pocket_of(rider: User) -> str:
    """The account of the cash that a rider carries."""
    return f"{CASH}rider:{rider.public_id}"


def till_of(shop: Shop) -> str:
    """The account of the cash in a shop's till, whoever of its people took it."""
    return f"{CASH}merchant:{shop.public_id}"


def held_by(collector: str, shop: Shop) -> str:
    """The account in which cash lies that `collector` ("rider:usr_…", "merchant:usr_…") took for an order of `shop`."""
    return _in_the_till(f"{CASH}{collector}", shop)


def hold(*names: str, currency: str = CURRENCY) -> dict[str, LedgerAccount]:
    """Lock cash accounts until the transaction ends, by name, so that collecting and counting take turns.

    Anyone who books cash or counts it holds its account: postings of one account then commit in the order of their
    numbers, and a hand-in can say "everything up to this one".
    """
    _open(names, currency)
    rows = LedgerAccount.objects.select_for_update(no_key=True).filter(name__in=names, currency=currency)
    return {account.name: account for account in rows.order_by("name")}


def balance(name: str, *, at: datetime | None = None, currency: str = CURRENCY) -> int:
    """What an account has, in minor units; with `at` what it had at that moment, which is inclusive."""
    postings = LedgerPosting.objects.filter(account__name=name, account__currency=currency)
    if at is not None:
        postings = postings.filter(entry__booked_at__lte=at)
    return int(postings.aggregate(total=Sum("amount_minor"))["total"] or 0)


@dataclass(frozen=True)
class Balance:
    """One line of a trial balance: plus what the account has, minus what it gave."""

    name: str
    currency: str
    balance_minor: int
    postings: int
    last_at: datetime


def trial_balance(*, at: datetime | None = None) -> list[Balance]:
    """Every account that was ever posted to (up to `at`, inclusive), by name; each currency sums to zero."""
    postings = LedgerPosting.objects.order_by("account__name", "account__currency")
    if at is not None:
        postings = postings.filter(entry__booked_at__lte=at)
    rows = postings.values_list("account__name", "account__currency")
    return [Balance(*row) for row in rows.annotate(Sum("amount_minor"), Count("pk"), Max("entry__booked_at"))]


def _holder(attempt: Attempt, order: Order) -> str:
    return held_by(attempt.collector, order.shop) if attempt.collector else f"gateway:{attempt.channel}"


def _in_the_till(account: str, shop: Shop) -> str:
    """People at the counter take from and give into their shop's till, support the depot, whose cash is the bank's."""
    if account.startswith(f"{CASH}staff:"):
        return BANK
    return till_of(shop) if account.startswith(f"{CASH}merchant:") else account


def _counterpart(attempt: Attempt, order: Order) -> str:
    return f"{REVENUE}{order.trade}" if attempt.disposition == Disposition.APPLIED else SUSPENSE


def _of_order(ref: str, kind: LedgerEntry.Kind, attempt: Attempt, order: Order) -> Movement:
    return Movement(ref, kind, order.shop_id, order.public_id, attempt.paid_currency or attempt.currency)


def _open(names: Mapping[str, int] | tuple[str, ...], currency: str) -> None:
    """Make the accounts that are not there yet."""
    rows = [LedgerAccount(name=name, currency=currency) for name in sorted(names)]
    LedgerAccount.objects.bulk_create(rows, ignore_conflicts=True)


def _post(movement: Movement, postings: Mapping[str, int]) -> None:
    hold(*sorted(name for name in postings if name.startswith(CASH)), currency=movement.currency)
    known = LedgerAccount.objects.filter(name__in=list(postings), currency=movement.currency)
    if len(accounts := {account.name: account for account in known}) < len(postings):
        _open(postings, movement.currency)
        accounts = {account.name: account for account in known.all()}
    entry = LedgerEntry.objects.create(
        ref=movement.ref,
        kind=movement.kind,
        shop_id=movement.shop_pk,
        order_ref=movement.order_ref,
        currency=movement.currency,
        parts=len(postings),
        booked_at=movement.at or clock.now(),
    )
    LedgerPosting.objects.bulk_create(
        LedgerPosting(entry=entry, account=accounts[name], amount_minor=postings[name]) for name in sorted(postings)
    )
