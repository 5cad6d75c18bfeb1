"""Which orders wait for a rider, and what a rider is told about each before taking it. Read by the rider's pages."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from orders.order.models import Fulfilment, Order
from orders.order.states import Status
from orders.promise import BASE_MINUTES, MINUTES_PER_KM
from tracking import fares
from tracking.models import Delivery, Rider
from tracking.places import street_of

OPEN = (Status.CONFIRMED, Status.PREPARING, Status.READY)
SOON = timedelta(minutes=30)  # a job is shown from so long before it is ready
MOST = 50  # jobs on one page
UNKNOWN_WAY_M = 1_500  # an address without a place on the map
WORDS_STAY = timedelta(seconds=90)  # so long a job that went elsewhere is still spoken of


@dataclass(frozen=True)
class Job:
    """One open order as a rider sees it: no name, no phone, no door."""

    order: Order
    way_m: int
    street: str
    ready_at: datetime | None  # packed then, or what the shop promised
    wait_minutes: int  # until then; 0 when it is packed or past its time
    deadline: datetime | None
    items: int
    is_cold: bool

    @property
    def pay_minor(self) -> int:
        """What it pays."""
        return fares.pay_minor(self.way_m)

    @property
    def km(self) -> str:
        """Kilometres of road from shop to door, as text."""
        return fares.as_km(self.way_m)

    @property
    def minutes(self) -> int:
        """Minutes from shop to door by the pace rule."""
        return math.ceil(BASE_MINUTES + MINUTES_PER_KM * self.way_m / 1000)

    @property
    def is_ready(self) -> bool:
        """Packed and waiting."""
        return bool(self.order.status == Status.READY)


@dataclass(frozen=True)
class Gone:
    """A job that this page showed and that is open no more; `n` are the seconds since."""

    order_id: str
    shop: str
    was_cancelled: bool
    n: int


def open_orders(at: datetime) -> QuerySet[Order]:
    """Orders without a rider that are ready or soon will be."""
    soon = Q(status=Status.READY) | Q(ready_by__isnull=True) | Q(ready_by__lte=at + SOON)
    waiting = Order.objects.filter(status__in=OPEN, fulfilment=Fulfilment.DELIVERY, carrier__isnull=True)
    return waiting.filter(soon).select_related("shop").prefetch_related("lines__product").order_by("ready_by", "id")


def open_jobs(at: datetime) -> list[Job]:
    """The jobs of the list, in its order."""
    return in_turn(as_job(order, at) for order in open_orders(at)[:MOST])


def in_turn(jobs: Iterable[Job]) -> list[Job]:
    """What waits comes first, the longest waiting before the rest; then by when it is ready and when it is due."""
    return sorted(jobs, key=lambda job: (not job.is_ready, *(_seconds(at) for at in (job.ready_at, job.deadline))))


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else math.inf


def as_job(order: Order, at: datetime) -> Job:
    """What may be told about an order before it is collected."""
    ready_at, lines = order.ready_at or order.ready_by, list(order.lines.all())
    wait = (ready_at - at).total_seconds() if ready_at and order.status != Status.READY else 0
    return Job(
        order=order,
        way_m=way_of(order),
        street=street_of(str(order.recipient.get("line", ""))),
        ready_at=ready_at,
        wait_minutes=max(0, math.ceil(wait / 60)),
        deadline=order.promised_to,
        items=sum(line.quantity - line.struck_quantity for line in lines),
        is_cold=any(line.product.is_cold for line in lines),
    )


def way_of(order: Order) -> int:
    """Metres of road from the shop to the door."""
    place = order.recipient.get("location")
    if not place:
        return UNKNOWN_WAY_M
    return fares.road_m(order.shop.latitude, order.shop.longitude, place["lat"], place["lng"])


def gone(seen: Sequence[str], rider: Rider, at: datetime) -> list[Gone]:
    """Of the jobs that a page showed: those that another rider took, or that were cancelled, a moment ago."""
    since, asked = at - WORDS_STAY, list(seen)[:MOST]
    if not asked:
        return []
    taken = Delivery.objects.standing().filter(order__public_id__in=asked, claimed_at__gte=since)
    stopped = Order.objects.filter(public_id__in=asked, status=Status.CANCELLED, ended_at__gte=since)
    found = [
        _gone(delivery.order, delivery.claimed_at, at, was_cancelled=False)
        for delivery in taken.exclude(rider=rider).with_order()
        if delivery.order.status != Status.CANCELLED
    ]
    found += [_gone(order, order.ended_at or at, at, was_cancelled=True) for order in stopped.select_related("shop")]
    return sorted(found, key=lambda one: one.n)


def _gone(order: Order, when: datetime, at: datetime, *, was_cancelled: bool) -> Gone:
    seconds = max(1, round((at - when).total_seconds()))
    return Gone(order.public_id, order.shop.name, was_cancelled, seconds)
