"""What stands on the board: tickets in columns, and how fast the kitchen is today. Reads only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config.ground.word import Word
from orders.catalog.models import Shop, Trade
from orders.order.models import Order, OrderLine
from orders.order.states import WAITING_FOR_MONEY, CancelReason, PaymentStatus, Status
from orders.words import cancel_word, payment_word, status_word

COLUMN = {
    Status.PENDING: "new",
    Status.CONFIRMED: "cook",
    Status.PREPARING: "cook",
    Status.READY: "ready",
    Status.ON_DELIVERY: "out",
    Status.COMPLETED: "done",
}
RECENT = 1_000  # the newest orders of a shop, in which today's are looked for: an index, not the whole table
GONE_FOR = timedelta(hours=12)  # how long a cancelled ticket waits for its “Understood”
LAST = 10**10  # seconds: below everything that still wants something
STEP = 5  # minutes between presets


@dataclass(frozen=True)
class Pace:
    """The kitchen's own speed today: `average` minutes from accepting to ready, None before the first."""

    average: int | None
    preset: int

    @property
    def choices(self) -> list[int]:
        """Four answers to “ready in”: the preset, one step less, one and three steps more."""
        return [max(STEP, self.preset - STEP), *(max(2 * STEP, self.preset) + more for more in (0, STEP, 3 * STEP))]

    @property
    def chosen(self) -> int:
        """The one that is pressed already."""
        return self.preset if self.preset in self.choices else self.choices[0]


@dataclass(frozen=True)
class Ticket:
    """One order as the board shows it, at one moment."""

    order: Order
    at: datetime
    refusal: str = ""
    lines: list[OrderLine] = field(default_factory=list)

    @property
    def ref(self) -> str:
        """The element's id."""
        return f"t-{self.order.public_id}"

    @property
    def is_gone(self) -> bool:
        """Cancelled: it stays, dashed, until somebody says “Understood”."""
        return bool(self.order.status == Status.CANCELLED)

    @property
    def column(self) -> str:
        """The column it stands in; a cancelled one stays where it was."""
        order = self.order
        if order.trade == Trade.DIGITAL:
            return "done" if order.status == Status.COMPLETED else "cook"
        if not self.is_gone:
            return COLUMN[Status(order.status)]
        if order.picked_up_at:
            return "out"
        if order.ready_at:
            return "ready"
        return "cook" if order.confirmed_at else "new"

    @property
    def sort(self) -> int:
        """Its place in the column, smallest first: by the next deadline, ended ones newest first."""
        order = self.order
        moments = {
            "new": order.answer_by,
            "cook": order.ready_by,
            "ready": order.ready_at,
            "out": order.promised_to,
            "done": order.ended_at,
        }
        moment = moments[self.column] or order.placed_at
        place = int(moment.timestamp()) * (-1 if self.column == "done" else 1)
        return place + LAST if self.is_gone else place

    @property
    def word(self) -> Word:
        """Its state in the shop's words; why, when it is cancelled."""
        if self.is_gone:
            return replace(cancel_word(self.order, "merchant"), family="stop", icon="cross")
        return status_word(self.order, "merchant")

    @property
    def money(self) -> Word:
        """Its money in the shop's words."""
        return payment_word(self.order, "merchant", amount="")

    @property
    def is_cash(self) -> bool:
        """Whether the rider or the counter collects it."""
        return bool(self.order.payment_status == PaymentStatus.DUE_ON_DELIVERY)

    @property
    def late_minutes(self) -> int:
        """Minutes past what the shop said, while it is still cooking."""
        by = self.order.ready_by
        if by is None or self.order.status not in {Status.CONFIRMED, Status.PREPARING}:
            return 0
        return max(0, int((self.at - by).total_seconds() // 60))

    @property
    def answer_seconds(self) -> int:
        """How long the shop has to answer, from the start."""
        order = self.order
        start = order.paid_at or order.placed_at
        return int((order.answer_by - start).total_seconds()) if order.answer_by else 0

    @property
    def answer_percent(self) -> float:
        """How much of that is left."""
        if not (self.order.answer_by and self.answer_seconds):
            return 0
        return 100 * (self.order.answer_by - self.at).total_seconds() / self.answer_seconds

    @property
    def open_lines(self) -> int:
        """Grocery lines that are neither picked nor struck out."""
        if self.order.trade != Trade.GROCERY:
            return 0
        return sum(line.state == OrderLine.State.OPEN for line in self.lines)

    @property
    def done_lines(self) -> int:
        """Lines that are picked or struck out."""
        return sum(line.state != OrderLine.State.OPEN for line in self.lines)

    @property
    def was_unanswered(self) -> bool:
        """Rejected because nobody pressed anything."""
        return bool(
            self.order.cancel_reason == CancelReason.MERCHANT_REJECTED and self.order.cancel_detail == "NO_ANSWER"
        )


def make_ticket(order: Order, at: datetime, refusal: str = "") -> Ticket:
    """The ticket of one order whose lines are loaded."""
    return Ticket(order, at, refusal, list(order.lines.all()))


def read_tickets(
    shop: Shop, at: datetime, *, understood: Iterable[str] = (), refusals: Mapping[str, str] | None = None
) -> list[Ticket]:
    """Everything on the shop's board now, in the order of each column; cancelled ones unless understood."""
    running = _orders(shop).exclude(status__in=[Status.COMPLETED, Status.CANCELLED])
    gone = _orders(shop).filter(status=Status.CANCELLED, ended_at__gte=at - GONE_FOR, pk__in=_recent(shop))
    orders = [*running, *gone.exclude(public_id__in=list(understood))]
    said = refusals or {}
    return sorted(
        (make_ticket(order, at, said.get(order.public_id, "")) for order in orders),
        key=lambda t: (t.sort, t.order.number),
    )


def done_today(shop: Shop, at: datetime) -> list[Ticket]:
    """What was completed since midnight of the shop's clock, newest first."""
    rows = _orders(shop).filter(status=Status.COMPLETED, ended_at__gte=midnight(shop, at), pk__in=_recent(shop))
    return sorted((make_ticket(order, at) for order in rows), key=lambda t: (t.sort, t.order.number))


def midnight(shop: Shop, at: datetime) -> datetime:
    """When the shop's day began."""
    return at.astimezone(shop.tz).replace(hour=0, minute=0, second=0, microsecond=0)


def pace(shop: Shop, at: datetime) -> Pace:
    """The average of today's orders, rounded up to a step; the shop's usual minutes before there is one."""
    spans = Order.objects.filter(
        pk__in=_recent(shop), ready_at__gte=midnight(shop, at), confirmed_at__isnull=False
    ).values_list("confirmed_at", "ready_at")
    minutes = [(ready - confirmed).total_seconds() / 60 for confirmed, ready in spans]
    average = round(sum(minutes) / len(minutes)) if minutes else None
    usual = (average or shop.prepare_minutes) + shop.busy_minutes
    return Pace(average, max(STEP, -(-usual // STEP) * STEP))


def unanswered_today(shop: Shop, at: datetime) -> int:
    """How many orders were rejected today because nobody answered."""
    return Order.objects.filter(
        pk__in=_recent(shop), cancel_detail="NO_ANSWER", ended_at__gte=midnight(shop, at)
    ).count()


def counted(order: Order) -> Order:
    """The order, with `earlier`: how often this customer ordered here before."""
    before = Order.objects.filter(shop=order.shop_id, customer=order.customer_id, pk__lt=order.pk)
    order.earlier = before.count() if order.customer_id else 0  # type: ignore[attr-defined]
    return order


def _recent(shop: Shop) -> QuerySet[Order]:
    return Order.objects.filter(shop=shop).order_by("-id").values("pk")[:RECENT]


def _orders(shop: Shop) -> QuerySet[Order]:
    """Orders of the shop that have come to it, each with `earlier`: how often this customer ordered here before."""
    before = Order.objects.filter(shop=shop, customer=OuterRef("customer"), pk__lt=OuterRef("pk"))
    count = before.order_by().values("customer").annotate(n=Count("pk")).values("n")
    return (
        Order.objects.filter(shop=shop)
        .exclude(payment_status__in=WAITING_FOR_MONEY)
        .select_related("shop", "carrier", "customer")
        .prefetch_related("lines")
        .annotate(earlier=Coalesce(Subquery(count), 0))
    )
