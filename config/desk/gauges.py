"""The gauges of Operations: each reads one thing, says how old that is, and never shows 0 for "not known"."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.ground.word import Word
from notifications.analytics import writing
from notifications.models import AnalyticsState, Event, Leadership, Letter, ParkedEvent, ReaderCursor
from orders import services as orders
from orders.order.models import Order
from orders.order.states import RUNNING
from payments import aside, billing, inbox
from payments.models import Attempt, Difference, Refund, Run

USUAL = Word("usual", "正常", "done", "check")
WATCH = Word("watch", "留意", "wait", "clock")
HIGH = Word("high", "偏高", "bad", "triangle")
OLD = Word("not fresh", "数据过时", "stop", "offline")

SILENT = timedelta(seconds=10)  # the relay beats each second
CHECK_OVERDUE = timedelta(minutes=75)  # the check runs each hour
SLOW_NUMBERING = timedelta(seconds=5)
SLOW_APPLYING = timedelta(seconds=30)  # the clock repairs it within that time
FAR_BEHIND = 1_000  # events; a reader does more than that in a second
GIVEN_TIME = 3  # failures of the export's store, which are about two minutes
SLOW_SENDING = timedelta(minutes=5)  # a letter is claimed within a second of being due
DAY = timedelta(days=1)
TENTHS_BELOW = 10  # seconds
NAMED = 3  # pools that the gauge names


@dataclass(frozen=True)
class Gauge:
    """One figure. `value` None: nobody knows; `word` its verdict; `says` where it comes from and how old it is."""

    title: str | Promise
    value: int | None
    unit: str | Promise
    word: Word
    says: str

    @property
    def is_hot(self) -> bool:
        """Whether it wants a person now."""
        return self.word is HIGH

    @property
    def is_old(self) -> bool:
        """Whether it is drawn grey."""
        return self.word is OLD


def read(now: datetime) -> list[Gauge]:
    """Every gauge, read from the database at `now`."""
    readers: tuple[Callable[[datetime], Gauge], ...] = (
        running_orders,
        log_lag,
        paid_not_applied,
        set_aside,
        payments_unknown,
        readers_behind,
        parked_events,
        export_behind,
        letters_waiting,
        refunds_held_up,
        open_differences,
        late_bills,
        refused_notices,
        pools_low,
    )
    return [read_one(now) for read_one in readers]


def running_orders(now: datetime) -> Gauge:
    """How many orders run, by status."""
    del now
    rows = Order.objects.filter(status__in=RUNNING).values_list("status").annotate(n=Count("pk"))
    counted, names = dict(rows), dict(Order._meta.get_field("status").flatchoices)  # noqa: SLF001 - public by practice
    says = " · ".join(f"{names[status]} {counted.get(status, 0)}" for status in RUNNING)
    return Gauge(_("Running orders"), sum(counted.values()), _("orders"), USUAL, says)


def log_lag(now: datetime) -> Gauge:
    """Events that have no position yet, and whether somebody numbers them."""
    waiting = Event.objects.filter(position=None).aggregate(n=Count("pk"), oldest=Min("at"))
    title, unit = _("Log lag"), _("events")
    leader = Leadership.objects.filter(name="sequencer").first()
    if leader is None or now - leader.beat_at > SILENT:
        heard = _age(now, leader.beat_at) if leader else _("never")
        return Gauge(title, waiting["n"], unit, OLD, _("the relay was last heard: %(heard)s") % {"heard": heard})
    oldest = now - waiting["oldest"] if waiting["oldest"] else timedelta()
    word = HIGH if oldest > SLOW_NUMBERING else USUAL
    said = _("oldest unnumbered %(age)s · leader epoch %(epoch)s")
    return Gauge(title, waiting["n"], unit, word, said % {"age": _seconds(oldest), "epoch": leader.epoch})


def paid_not_applied(now: datetime) -> Gauge:
    """Money that came in and is nobody's yet."""
    rows = Attempt.objects.to_apply().order_by().aggregate(n=Count("pk"), oldest=Min("recorded_at"))
    late = rows["oldest"] is not None and now - rows["oldest"] > SLOW_APPLYING
    word = HIGH if late else WATCH if rows["n"] else USUAL
    says = _("must be 0; repaired within 30 s")
    if rows["oldest"]:
        says = f"{says} · {_('oldest')} {_age(now, rows['oldest'])}"
    return Gauge(_("Paid, not applied"), rows["n"], _("payments"), word, says)


def set_aside(now: datetime) -> Gauge:
    """Money and refunds that failed each time, so that the clock leaves them to a person."""
    del now
    waiting = aside.waiting()
    total = sum(waiting.values())
    says = _("%(money)s payments · %(refunds)s refunds · see Differences, Set aside") % waiting
    return Gauge(_("Set aside"), total, _("rows"), HIGH if total else USUAL, says)


def payments_unknown(now: datetime) -> Gauge:
    """Attempts whose gateway has not answered."""
    rows = Attempt.objects.filter(state=Attempt.State.UNKNOWN).aggregate(n=Count("pk"), oldest=Min("created_at"))
    says = f"{_('oldest')} {_age(now, rows['oldest'])}" if rows["oldest"] else _("none is being asked about")
    return Gauge(_("Payments unknown"), rows["n"], _("attempts"), WATCH if rows["n"] else USUAL, says)


def readers_behind(now: datetime) -> Gauge:
    """How far the slowest reader of the log is behind its end."""
    del now
    end = Event.objects.aggregate(end=Max("position"))["end"] or 0
    slowest = ReaderCursor.objects.order_by("position").first()
    if slowest is None:
        return Gauge(_("Readers behind"), None, "", OLD, _("no reader has started yet"))
    behind = max(0, end - slowest.position)
    says = _("slowest: %(name)s at %(position)s of %(end)s")
    facts = {"name": slowest.name, "position": f"{slowest.position:,}", "end": f"{end:,}"}
    return Gauge(_("Readers behind"), behind, _("events"), USUAL if behind < FAR_BEHIND else WATCH, says % facts)


def parked_events(now: datetime) -> Gauge:
    """Events that a reader could not handle."""
    rows = ParkedEvent.objects.filter(resolved_at=None).aggregate(n=Count("pk"), oldest=Min("parked_at"))
    says = f"{_('oldest')} {_age(now, rows['oldest'])}" if rows["oldest"] else _("every event was handled")
    return Gauge(_("Parked events"), rows["n"], _("events"), HIGH if rows["n"] else USUAL, says)


def export_behind(now: datetime) -> Gauge:
    """How many events the export of statistics has not written yet, and what its store says."""
    title, unit = _("Statistics behind"), _("events")
    state, behind = AnalyticsState.objects.filter(name="export").first(), writing.behind()
    if state is None:
        return Gauge(title, behind, unit, OLD, _("nothing was exported yet"))
    until = f" · {_('complete until')} {_age(now, state.complete_until)}" if state.complete_until else ""
    if state.error:
        says = f"{state.error} · {_('%(n)s tries') % {'n': state.tries}}{until}"
        return Gauge(title, behind, unit, HIGH if state.tries >= GIVEN_TIME else WATCH, says)
    says = _("at %(position)s of the log") % {"position": f"{state.position:,}"}
    return Gauge(title, behind, unit, USUAL if behind < FAR_BEHIND else WATCH, says + until)


def letters_waiting(now: datetime) -> Gauge:
    """Letters that are to be sent, those held until a later hour among them, and those given up in the last day."""
    rows = Letter.objects.filter(state=Letter.State.WAITING).aggregate(n=Count("pk"), oldest=Min("next_at"))
    given_up = Letter.objects.filter(state=Letter.State.GIVEN_UP, settled_at__gt=now - DAY).count()
    is_due = rows["oldest"] is not None and rows["oldest"] < now
    late = is_due and now - rows["oldest"] > SLOW_SENDING
    says = _("given up in the last day: %(n)s") % {"n": given_up}
    if is_due:
        says = f"{says} · {_('oldest due')} {_age(now, rows['oldest'])}"
    word = HIGH if late else WATCH if given_up else USUAL
    return Gauge(_("Letters waiting"), rows["n"], _("letters"), word, says)


def refunds_held_up(now: datetime) -> Gauge:
    """Refunds that need a person, beside those that are on their way."""
    stuck = Refund.objects.filter(state__in=[Refund.State.ABNORMAL, Refund.State.FAILED]).count()
    due = Refund.objects.filter(state__in=Refund.DUE).aggregate(n=Count("pk"), oldest=Min("requested_at"))
    says = ngettext("%(n)s is on its way", "%(n)s are on their way", due["n"]) % {"n": due["n"]}
    if due["oldest"]:
        says = f"{says} · {_('oldest')} {_age(now, due['oldest'])}"
    return Gauge(_("Refunds held up"), stuck, _("refunds"), HIGH if stuck else USUAL, says)


def open_differences(now: datetime) -> Gauge:
    """What the last hourly check left to decide; as old as that check."""
    title, unit = _("Differences"), _("to decide")
    run = Run.objects.exclude(ended_at=None).order_by("-started_at").first()
    if run is None or run.ended_at is None:
        return Gauge(title, None, unit, OLD, _("no check has run yet"))
    count = Difference.objects.filter(state=Difference.State.OPEN).count()
    says = _("last check %(age)s") % {"age": _age(now, run.ended_at)}
    if now - run.ended_at > CHECK_OVERDUE:
        return Gauge(title, count, unit, OLD, says)
    return Gauge(title, count, unit, WATCH if count or run.error else USUAL, says)


def late_bills(now: datetime) -> Gauge:
    """Daily bills that a gateway owes us for more than a day."""
    late = billing.overdue(now)
    says = _("each day is compared once its bill is there")
    return Gauge(_("Bills overdue"), late, _("bills"), HIGH if late else USUAL, says)


def refused_notices(now: datetime) -> Gauge:
    """Notifications that were not believed in the last day, and why; none of them changed anything."""
    del now
    counts = inbox.refused_counts()
    total = sum(counts.values())
    says = " · ".join(f"{why} {n}" for why, n in counts.items()) or _("every one was genuine")
    return Gauge(_("Notices refused"), total, _("a day"), WATCH if total else USUAL, says)


def pools_low(now: datetime) -> Gauge:
    """Card-key pools that run out, the emptiest first."""
    del now
    low = orders.low_pools()
    says = " · ".join(f"{one.pool.shop.name}: {one.pool.name} {one.left}" for one in low[:NAMED])
    return Gauge(_("Key pools low"), len(low), _("pools"), WATCH if low else USUAL, says or _("every pool has enough"))


def _age(now: datetime, then: datetime) -> str:
    return _("%(length)s ago") % {"length": _seconds(now - then)}


def _seconds(length: timedelta) -> str:
    """`0.4 s`, `12 s`, `4 min`, `7 h`, `3 d`: staff want the size, not the digits."""
    seconds = max(0.0, length.total_seconds())
    if seconds < TENTHS_BELOW:
        return f"{seconds:.1f} s"
    for unit, size, most in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800)):
        if seconds < most:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // 86_400)} d"
