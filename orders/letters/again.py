"""The one letter that is marketing: some time after a completed order, "order the same again?"; orders/tasks.py asks.

Only to accounts that said yes, never to guests, not when money went back, at most one in so many days. Quiet hours
hold it, and when it is due everything is asked again (notifications/letters/settling.py).
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext as _

from config.ground import clock
from notifications.letters import preferences
from notifications.letters.models import About, Letter, Preferences
from notifications.letters.office import Draft, Due, Office
from notifications.letters.rendering import Words
from notifications.models import Event
from orders.letters.news import order_page
from orders.letters.people import Directory, reader_of
from orders.order.models import Order
from orders.order.states import PaymentStatus, Status

KIND = "order.again"
TOO_LATE = timedelta(days=3)  # after it would have been due: then it is not sent at all
BATCH = 200

office = Office({}, Directory())


def due() -> QuerySet[Order]:
    """Orders whose customers may be invited now, those that ended first before the others."""
    latest = clock.now() - clock.minutes(settings.AGAIN_MINUTES)
    lately = Q(person=OuterRef("customer__public_id"), created_at__gt=_since())
    told = Letter.objects.filter(lately | Q(stream=Concat(Value("order/"), OuterRef("public_id"))), kind=KIND)
    rows = Order.objects.filter(
        status=Status.COMPLETED, payment_status=PaymentStatus.PAID, returned_minor=0,
        ended_at__range=(latest - TOO_LATE, latest), customer__public_id__in=preferences.consenting(),
        customer__is_active=True,
    )  # fmt: skip
    return rows.filter(~Exists(told)).select_related("shop", "customer").order_by("ended_at", "pk")


def invite_due() -> int:
    """Write to everybody who may be invited now; returns how many letters. Safe to run twice, and at once."""
    return sum(invite(order) for order in due()[:BATCH])


@transaction.atomic
def invite(order: Order) -> int:
    """Write one invitation, unless the person got one meanwhile; returns how many letters (one for each way)."""
    reader = reader_of(order)
    Preferences.objects.get_or_create(account=reader.person)
    Preferences.objects.select_for_update().get(account=reader.person)  # two at once take turns here
    position = Event.objects.filter(stream=order.stream, type="order.completed").values_list("position", flat=True)[:1]
    told = Letter.objects.filter(kind=KIND, person=reader.person, created_at__gt=_since())
    if reader.is_guest or told.exists() or not position or position[0] is None:
        return 0
    draft = Draft(
        person=reader.person, kind=KIND, about=About.MARKETING, language=reader.language,
        say=lambda zone: _words(order, zone),
    )  # fmt: skip
    return office.write([Due(draft, order.stream, position[0])])


def is_still_true(letter: Letter) -> bool:
    """Whether the order still ended well when its letter is due; support may have returned money meanwhile."""
    rows = Order.objects.filter(public_id=letter.ref, status=Status.COMPLETED, returned_minor=0)
    return rows.exists()


def _since() -> datetime:
    return clock.now() - timedelta(days=settings.AGAIN_DAYS)


def _words(order: Order, zone: str) -> Words:
    del zone
    return Words(
        subject=_("Once more from %(shop)s?") % {"shop": order.shop.name},
        lead=_("Was it good? The same again is two presses away."),
        facts=[(_("Shop"), order.shop.name)],
        button=_("Order the same again"),
        url=order_page(order),
    )
