"""Who has how much cash, of which orders, since when: reads for the rider's, the shop's and support's pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery, Sum

from config.ground.figures import money
from config.ground.word import Word
from orders.models import Order, Shop, User
from payments import ledger
from payments.models import Attempt, HandIn, LedgerAccount, LedgerEntry, LedgerPosting
from payments.statements.words import HAND_IN, OUTCOME

State = HandIn.State


@dataclass(frozen=True)
class Holder:
    """A rider's pocket or a shop's till: the ledger account and whose it is."""

    account: str
    rider: User | None = None
    shop: Shop | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        owner = self.rider or self.shop
        return owner.name if owner is not None else self.account


def pocket(rider: User) -> Holder:
    """What a rider carries."""
    return Holder(ledger.pocket_of(rider), rider=rider)


def till(shop: Shop) -> Holder:
    """What lies in a shop's till."""
    return Holder(ledger.till_of(shop), shop=shop)


@dataclass(frozen=True)
class Cash:
    """One movement of a shift: an order's cash that came in, or went back."""

    at: datetime
    kind: str
    amount_minor: int
    order: Order | None
    receipt: str


@dataclass(frozen=True)
class InHand:
    """What a holder has now. `amount_minor` is the whole account, `waiting` a hand-in that nobody has received yet."""

    amount_minor: int
    up_to: int  # the last posting
    since: datetime | None
    waiting: HandIn | None

    @property
    def new_minor(self) -> int:
        """What is not part of the hand-in that waits."""
        return self.amount_minor - (self.waiting.expected_minor if self.waiting else 0)


def in_hand(account: str) -> InHand:
    """Read one account: what it has, since when, and what of it waits to be received."""
    rows = LedgerPosting.objects.filter(account__name=account, account__currency=ledger.CURRENCY)
    facts = rows.aggregate(total=Sum("amount_minor"), last=Max("pk"))
    open_rows = HandIn.objects.filter(holder__name=account, state=State.COUNTED)
    waiting = open_rows.select_related("to_shop", "counted_by").first()
    since = _of_this_shift(account).values_list("entry__booked_at", flat=True).first()
    return InHand(facts["total"] or 0, facts["last"] or 0, since, waiting)


def _of_this_shift(account: str) -> QuerySet[LedgerPosting]:
    """What moved since the last hand-in that was received, oldest first, without that hand-in's own posting."""
    rows = LedgerPosting.objects.filter(account__name=account, pk__gt=_told_up_to(account))
    return rows.exclude(entry__kind=LedgerEntry.Kind.CASH, amount_minor__lt=0).order_by("pk")


def _told_up_to(account: str) -> int:
    """The last posting that a received hand-in told."""
    done = HandIn.objects.filter(holder__name=account, state=State.CONFIRMED)
    return done.aggregate(last=Max("up_to"))["last"] or 0


def shift(account: str) -> list[Cash]:
    """Every movement since the last hand-in that was received, oldest first."""
    rows = list(_of_this_shift(account).select_related("entry"))
    refs = {row.entry.order_ref for row in rows if row.entry.order_ref}
    orders = {order.public_id: order for order in Order.objects.filter(public_id__in=refs).select_related("shop")}
    receipts = _receipts(orders)
    return [
        Cash(
            at=row.entry.booked_at,
            kind=row.entry.kind,
            amount_minor=row.amount_minor,
            order=orders.get(row.entry.order_ref),
            receipt=receipts.get(row.entry.ref, ""),
        )
        for row in rows
    ]


def _receipts(orders: Mapping[str, Order]) -> dict[str, str]:
    """The number on the paper, by the entry's reference; made-up numbers of our own say nothing to people."""
    rows = Attempt.objects.filter(order__in=list(orders.values()), channel="CASH")
    numbers = rows.values_list("public_id", "out_trade_no")
    return {f"payment:{ref}": number for ref, number in numbers if not number.startswith("cash-")}


def places_for(rider: User) -> list[Shop]:
    """Shops where this rider may hand in: those whose orders he took cash for in this shift."""
    found = {cash.order.shop.pk: cash.order.shop for cash in shift(ledger.pocket_of(rider)) if cash.order}
    return sorted(found.values(), key=lambda shop: shop.public_id)


@dataclass(frozen=True)
class Told:
    """A hand-in that is over, with what the holder is told about the other person's count."""

    hand_in: HandIn
    word: Word
    says: str

    @property
    def family(self) -> str:
        """How loud it is said: `bad` when something was missing."""
        return OUTCOME[_which(self.hand_in)].family


def told(account: str, limit: int = 10) -> list[Told]:
    """Its latest hand-ins that are over, newest first."""
    rows = HandIn.objects.filter(holder__name=account).exclude(state=State.COUNTED)
    rows = rows.select_related("to_shop", "received_by", "counted_by").order_by("-pk")
    return [Told(row, HAND_IN[row.state], outcome(row)) for row in rows[:limit]]


def outcome(hand_in: HandIn) -> str:
    """Who counted how much and what was missing or too much, in a sentence; empty when nobody received it."""
    if hand_in.received_by is None or hand_in.received_minor is None:
        return ""
    off_by = money(abs(hand_in.difference_minor), hand_in.currency)
    amount = money(hand_in.received_minor, hand_in.currency)
    return OUTCOME[_which(hand_in)].format(
        name=hand_in.received_by.name, amount=amount, difference=off_by, words=hand_in.words
    )


def _which(hand_in: HandIn) -> str:
    difference = hand_in.difference_minor
    return "equal" if difference == 0 else "short" if difference < 0 else "over"


def is_carrier(person: User) -> bool:
    """Whether this person carries or carried an order, or still has cash: only they have a page of cash."""
    has_account = LedgerAccount.objects.filter(name=ledger.pocket_of(person)).exists()
    return has_account or Order.objects.filter(carrier=person).exists()


def to_receive(shop: Shop) -> list[HandIn]:
    """What riders want to hand in at this shop now, oldest first."""
    rows = HandIn.objects.filter(to_shop=shop, state=State.COUNTED).select_related("rider", "counted_by")
    return list(rows.order_by("pk"))


@dataclass(frozen=True)
class Held:
    """One line of support's list."""

    holder: Holder
    in_hand: InHand


def everybody() -> list[Held]:
    """Every holder whose account is not empty, the longest first."""
    total = LedgerPosting.objects.filter(account=OuterRef("pk")).values("account").annotate(n=Sum("amount_minor"))
    accounts = LedgerAccount.objects.filter(name__startswith=ledger.CASH, currency=ledger.CURRENCY)
    names = accounts.annotate(n=Subquery(total.values("n"))).exclude(Q(n=0) | Q(n=None)).values_list("name", flat=True)
    holders = _holders(list(names))
    rows = [Held(holders[name], in_hand(name)) for name in holders]
    return sorted(rows, key=lambda row: (row.in_hand.since is None, row.in_hand.since, row.holder.account))


def _holders(names: list[str]) -> dict[str, Holder]:
    refs = {name: name.rpartition(":")[2] for name in names}
    people = {user.public_id: user for user in User.objects.filter(public_id__in=refs.values())}
    shops = {shop.public_id: shop for shop in Shop.objects.filter(public_id__in=refs.values())}
    return {name: Holder(name, rider=people.get(ref), shop=shops.get(ref)) for name, ref in refs.items()}
