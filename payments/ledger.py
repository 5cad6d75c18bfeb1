"""Booking: one function per movement of money; settle.py and refunds.py call it inside their transactions.

`ref` makes each movement unique, so booking twice is refused by the database. Plus means that the account has more.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone

from django.db import IntegrityError, transaction
from django.db.models import Sum

from config.ground import clock
from orders.models import Order
from payments.models import Attempt, Disposition, LedgerAccount, LedgerEntry, LedgerPosting, Refund

SUSPENSE = "suspense"  # money that belongs to no order; must return to 0
GATEWAY_FEE = "expense:gateway_fee"
SHANGHAI = timezone(timedelta(hours=8))  # the gateways' bills are cut at midnight there


def book_payment(attempt: Attempt, order: Order) -> None:
    """Money came in: where it lies, against revenue when it was applied, else against suspense."""
    amount = attempt.paid_minor or 0
    _book(f"payment:{attempt.public_id}", attempt, {_holder(attempt): amount, _counterpart(attempt, order): -amount})


def book_refund(refund: Refund, attempt: Attempt, order: Order) -> None:
    """Money went back the way it came."""
    amount = refund.amount_minor
    _book(f"refund:{refund.out_refund_no}", attempt, {_counterpart(attempt, order): amount, _holder(attempt): -amount})


def book_fee(channel: str, day: date, amount_minor: int, *, ref: str) -> bool:
    """What a gateway kept of the money of one day of its bill; negative when it gave fees back with refunds.

    Booked at the end of that day. Safe to repeat: a `ref` (such as `fee:WECHAT:2026-11-20`) is booked once and keeps
    its amount. Returns whether it was booked now; 0 books nothing.
    """
    if amount_minor == 0 or LedgerEntry.objects.filter(ref=ref).exists():
        return False
    end = datetime.combine(day, time.max, tzinfo=SHANGHAI).astimezone(UTC)
    try:
        with transaction.atomic():
            _post(
                ref, {GATEWAY_FEE: amount_minor, f"gateway:{channel}": -amount_minor}, booked_at=min(end, clock.now())
            )
    except IntegrityError:  # another run booked it at this very moment
        return False
    return True


def balance(name: str) -> int:
    """What an account has, in minor units."""
    postings = LedgerPosting.objects.filter(account__name=name)
    return int(postings.aggregate(total=Sum("amount_minor"))["total"] or 0)


def _holder(attempt: Attempt) -> str:
    return f"cash:{attempt.collector}" if attempt.collector else f"gateway:{attempt.channel}"


def _counterpart(attempt: Attempt, order: Order) -> str:
    return f"revenue:{order.trade}" if attempt.disposition == Disposition.APPLIED else SUSPENSE


def _book(ref: str, attempt: Attempt, postings: Mapping[str, int]) -> None:
    currency = attempt.paid_currency or attempt.currency
    _post(ref, postings, order_ref=attempt.order.public_id, currency=currency)


def _post(
    ref: str,
    postings: Mapping[str, int],
    *,
    order_ref: str = "",
    currency: str = "CNY",
    booked_at: datetime | None = None,
) -> None:
    names = sorted(postings)
    LedgerAccount.objects.bulk_create([LedgerAccount(name=name) for name in names], ignore_conflicts=True)
    accounts = {account.name: account for account in LedgerAccount.objects.filter(name__in=names)}
    entry = LedgerEntry.objects.create(
        ref=ref, order_ref=order_ref, currency=currency, booked_at=booked_at or clock.now()
    )
    LedgerPosting.objects.bulk_create(
        LedgerPosting(entry=entry, account=accounts[name], amount_minor=postings[name]) for name in names
    )
