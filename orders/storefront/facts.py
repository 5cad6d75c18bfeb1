"""What the order page says: the big figure, the promise, what may be pressed, and which keys there are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Count, Min
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from config.ground import clock, figures
from config.ground.word import Word
from orders.order.models import Fulfilment, Order
from orders.order.states import WAITING_FOR_MONEY, PaymentStatus, Status
from orders.services.looks import GUEST
from orders.services.refusals import TooLateToCancel
from orders.stock.models import KeyIssue, KeyReveal
from orders.storefront import sentences, timeline
from orders.words import CHANNEL, payment_word, status_key, status_word

LOOKS = 50  # looks at keys that the page lists
CANCELLABLE = (Status.PENDING, Status.CONFIRMED)  # by the customer; afterwards the shop or support decides


@dataclass(frozen=True)
class KeyUnit:
    """One key of an order as the page lists it: never its text. `number` counts from 1 over all lines.

    `opened` counts the looks, the first at `opened_at`; `replaced_at` is when support gave this one for a bad one.
    """

    number: int
    line_no: int
    unit_no: int
    name: str
    opened: int
    opened_at: datetime | None
    replaced_at: datetime | None = None


@dataclass(frozen=True)
class Look:
    """Somebody opened a key: which (empty: one that was replaced since), who in words, from which address, when."""

    number: int | None
    who: str
    address: str
    at: datetime


class Facts:
    """One order as its customer sees it; templates read the properties."""

    def __init__(self, order: Order) -> None:
        self.order = order

    @cached_property
    def word(self) -> Word:
        """The badge."""
        return status_word(self.order, "customer")

    @cached_property
    def word_key(self) -> str:
        """The key of the badge's word in the embedded table."""
        return status_key(self.order)

    @cached_property
    def sentence(self) -> str:
        """What is going on."""
        return sentences.sentence(self.order)

    @property
    def stage(self) -> int:
        """The present part of the bar of four; 5: all done."""
        return sentences.STAGES[self.order.status]

    @property
    def stages(self) -> list[str]:
        """The class of each part of the bar."""
        return ["was" if part < self.stage else "now" if part == self.stage else "" for part in (1, 2, 3, 4)]

    @property
    def lead(self) -> str:
        """The small words above the big figure."""
        order = self.order
        if order.status == Status.COMPLETED:
            return _("Collected at") if order.fulfilment == Fulfilment.COLLECTION else _("Delivered at")
        return _("Ready about") if order.fulfilment == Fulfilment.COLLECTION else _("Arrives about")

    @property
    def figure(self) -> str:
        """The biggest thing on the page: an arrival window, the time it was handed over, or how many keys."""
        order = self.order
        if order.fulfilment == Fulfilment.ISSUE:
            return self._keys_figure()
        if order.status == Status.COMPLETED and order.ended_at:
            return figures.clock_time(order.ended_at, order.shop.zone)
        if order.promised_from and order.promised_to:
            return figures.window(order.promised_from, order.promised_to, order.shop.zone)
        return "–"

    def _keys_figure(self) -> str:
        count = sum(line.quantity for line in self.order.lines.all())
        if self.order.status == Status.COMPLETED:
            return _("%(n)s keys, ready") % {"n": count} if count != 1 else _("1 key, ready")
        return _("%(n)s keys") % {"n": count} if count != 1 else _("1 key")

    @property
    def count(self) -> int:
        """How many things, less what was struck out."""
        return sum(line.quantity - line.struck_quantity for line in self.order.lines.all())

    @property
    def day(self) -> str:
        """The day it was placed, in the shop's zone, as people say it."""
        zone = self.order.shop.tz
        on, today = self.order.placed_at.astimezone(zone).date(), clock.now().astimezone(zone).date()
        if on == today:
            return _("Today")
        return _("Yesterday") if on == today - timedelta(days=1) else date_format(on, "DATE_FORMAT")

    @cached_property
    def events(self) -> list[timeline.Event]:
        """Its stream of the log."""
        return timeline.events_of(self.order)

    @property
    def timeline(self) -> list[timeline.Moment]:
        """What happened."""
        return timeline.timeline(self.order, self.events)

    @property
    def promised_by(self) -> datetime | None:
        """The end of the shop's first window."""
        return timeline.promised_by(self.events)

    @property
    def is_late(self) -> bool:
        """Whether it came, or will come, after the promise."""
        end = self.order.ended_at if self.order.status == Status.COMPLETED else self.order.promised_to
        return bool(self.promised_by and end and end > self.promised_by)

    @property
    def is_payable(self) -> bool:
        """Whether it waits for an online payment."""
        return self.order.status == Status.PENDING and self.order.payment_status in WAITING_FOR_MONEY

    @property
    def is_cancellable(self) -> bool:
        """Whether its customer may still cancel."""
        return self.order.status in CANCELLABLE

    @property
    def why_not_cancel(self) -> str:
        """What is said in place of the button."""
        return TooLateToCancel().detail

    @property
    def comes_back(self) -> str:
        """What happens to the money when it is cancelled now."""
        order = self.order
        if order.payment_status in {PaymentStatus.PAID, PaymentStatus.PARTLY_REFUNDED}:
            back = figures.money(order.paid_minor - order.returned_minor, order.currency)
            return _("All of it comes back: %(amount)s to %(channel)s.") % {
                "amount": back,
                "channel": CHANNEL[order.method].text,
            }
        if order.payment_status == PaymentStatus.PROCESSING:
            return _("Should a payment arrive after all, it goes back in full.")
        return _("Nothing was charged.")

    @property
    def channel(self) -> str:
        """How it was paid, in words."""
        return CHANNEL[self.order.method].text

    @property
    def money_word(self) -> str:
        """What is said about money that did not come, or not yet."""
        if self.order.status == Status.CANCELLED:
            return _("Nothing was charged.")
        return payment_word(self.order, "customer", amount="", channel=self.channel).text

    @property
    def net_minor(self) -> int:
        """What the customer has paid, less what went back."""
        return self.order.paid_minor - self.order.returned_minor

    @property
    def ended_money(self) -> str:
        """The sentence about money on a cancelled order."""
        order = self.order
        if not order.paid_minor:
            return _("Nothing was charged.")
        amount = figures.money(order.paid_minor, order.currency)
        if order.returned_minor >= order.paid_minor:
            return _("You got all of it back: %(amount)s.") % {"amount": amount}
        return _("You get all of it back: %(amount)s.") % {"amount": amount}

    @cached_property
    def keys(self) -> list[KeyUnit]:
        """The issued keys, without their texts."""
        issued = KeyIssue.objects.filter(order=self.order, issued_at__isnull=False)
        counted = issued.filter(replaced_at=None).annotate(opened=Count("reveals"), opened_at=Min("reveals__at"))
        issues = counted.order_by("line_no", "unit_no")  # counting forgets the model's own order
        again = {(old.line_no, old.unit_no): old.replaced_at for old in issued.filter(replaced_at__isnull=False)}
        names = {line.line_no: line.name for line in self.order.lines.all()}
        return [
            KeyUnit(
                number,
                issue.line_no,
                issue.unit_no,
                names[issue.line_no],
                issue.opened,
                issue.opened_at,
                again.get((issue.line_no, issue.unit_no)),
            )
            for number, issue in enumerate(issues, start=1)
        ]

    @property
    def looks(self) -> list[Look]:
        """Who opened a key of this order, the newest first."""
        numbers = {(unit.line_no, unit.unit_no): unit.number for unit in self.keys}
        looks = KeyReveal.objects.filter(issue__order=self.order).select_related("issue").order_by("-at")[:LOOKS]
        return [
            Look(
                None if look.issue.replaced_at else numbers.get((look.issue.line_no, look.issue.unit_no)),
                self._who(look),
                str(look.address or ""),
                look.at,
            )
            for look in looks
        ]

    @staticmethod
    def _who(look: KeyReveal) -> str:
        if look.is_support:
            return _("our support")
        return _("with the private link") if look.by == GUEST else _("with your account")
