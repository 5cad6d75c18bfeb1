"""The news of an order: taken by the shop, on its way, ready to collect, cancelled with what comes back, completed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_name
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from config.ground import figures
from notifications.letters.models import About, Channel
from notifications.letters.office import Draft
from notifications.letters.rendering import Words, page
from notifications.log import Heard
from orders.letters.people import reader_of
from orders.order.models import Fulfilment, Order
from orders.order.states import CancelReason, CompletedHow
from orders.words import CHANNEL, cancel_word

ON_THE_PHONE = (Channel.PUSH,)  # what is old news by the time somebody reads their mail
EXPECTED = frozenset({CancelReason.CUSTOMER, CancelReason.PAYMENT_TIMEOUT})  # nobody has to be rung for these

Find = Callable[[Order, str], Words]


def orders(refs: Collection[str]) -> Mapping[str, Order]:
    """The orders with these public ids, with shop and customer."""
    return {one.public_id: one for one in Order.objects.select_related("shop", "customer").filter(public_id__in=refs)}


def confirmed(event: Heard, order: Order) -> Sequence[Draft]:
    """The shop took it. Card keys come in the same breath; their completion says it."""
    if order.fulfilment == Fulfilment.ISSUE:
        return []
    return [_draft(event, order, _confirmed)]


def ready(event: Heard, order: Order) -> Sequence[Draft]:
    """To be collected in the shop; for a delivery the rider is told, not the customer."""
    return [_draft(event, order, _ready)] if order.fulfilment == Fulfilment.COLLECTION else []


def on_its_way(event: Heard, order: Order) -> Sequence[Draft]:
    """The rider has it."""
    return [_draft(event, order, _on_its_way, channels=ON_THE_PHONE)]


def cancelled(event: Heard, order: Order) -> Sequence[Draft]:
    """It will not come, why, and what comes back."""
    return [_draft(event, order, _cancelled, matters=event.data["reason"] not in EXPECTED)]


def completed(event: Heard, order: Order) -> Sequence[Draft]:
    """Handed over, collected or issued, with the way to the receipt."""
    return [_draft(event, order, _completed)]


def _draft(
    event: Heard,
    order: Order,
    find: Find,
    *,
    channels: Sequence[Channel] = tuple(Channel),
    matters: bool = False,
) -> Draft:
    reader = reader_of(order)
    return Draft(
        person=reader.person, kind=event.type, about=About.ORDER, language=reader.language,
        say=lambda zone: find(order, zone), channels=() if reader.is_guest else channels, matters=matters,
    )  # fmt: skip


def _confirmed(order: Order, zone: str) -> Words:
    facts = [(_("Shop"), order.shop.name), (_("Order"), f"{order.number}")]
    if order.promised_from and order.promised_to:
        window = figures.window(order.promised_from, order.promised_to, zone)
        label = _("Ready about") if order.fulfilment == Fulfilment.COLLECTION else _("Arrives about")
        facts.append((label, f"{window}, {zone_words(order.promised_to, zone)}"))
    facts.append((_("Total"), figures.money(order.total_minor, order.currency)))
    return Words(
        subject=_("%(shop)s has taken your order") % {"shop": order.shop.name},
        lead=_("Order %(number)s is accepted. You can follow it live.") % {"number": order.number},
        facts=facts, button=_("Follow the order"), url=order_page(order),
    )  # fmt: skip


def _ready(order: Order, zone: str) -> Words:
    del zone
    return Words(
        subject=_("Ready to collect at %(shop)s") % {"shop": order.shop.name},
        lead=_("Say number %(number)s in the shop.") % {"number": order.number},
        button=_("Open the order"), url=order_page(order),
    )  # fmt: skip


def _on_its_way(order: Order, zone: str) -> Words:
    lead = _("The rider has collected it.")
    if order.promised_from and order.promised_to:
        window = figures.window(order.promised_from, order.promised_to, zone)
        lead = _("The rider has collected it. Arrives about %(window)s.") % {"window": window}
    return Words(
        subject=_("Your order from %(shop)s is on its way") % {"shop": order.shop.name}, lead=lead,
        button=_("Follow the order"), url=order_page(order),
    )  # fmt: skip


def _cancelled(order: Order, zone: str) -> Words:
    facts = [(_("Shop"), order.shop.name), (_("Order"), f"{order.number}")]
    if order.ended_at:
        facts.append((_("Cancelled at"), moment_words(order.ended_at, zone)))
    back = order.paid_minor - order.returned_minor
    if not order.paid_minor:
        money = _("Nothing was charged.")
    elif not back:
        money = _("All of your money is back already.")
    else:
        amount = figures.money(back, order.currency)
        money = _("All of it comes back: %(amount)s to %(channel)s.") % {
            "amount": amount,
            "channel": CHANNEL[order.method].text,
        }
        facts.append((_("Comes back"), amount))
    return Words(
        subject=_("Your order at %(shop)s is cancelled") % {"shop": order.shop.name},
        lead=money, more=[cancel_word(order, "customer").text], facts=facts,
        button=_("Open the order"), url=order_page(order),
    )  # fmt: skip


def _completed(order: Order, zone: str) -> Words:
    leads = {
        CompletedHow.DELIVERED: _("It was handed over at your door. Enjoy it."),
        CompletedHow.COLLECTED: _("You collected it in the shop. Enjoy it."),
        CompletedHow.ISSUED: _("Your keys are on the page of the order. We never send them by mail."),
    }
    facts = [(_("Shop"), order.shop.name), (_("Order"), f"{order.number}")]
    if order.ended_at:
        facts.append((_("Completed at"), moment_words(order.ended_at, zone)))
    facts.append((_("Paid"), figures.money(order.paid_minor - order.returned_minor, order.currency)))
    issued = order.completed_how == CompletedHow.ISSUED
    return Words(
        subject=_("Your keys from %(shop)s are ready") % {"shop": order.shop.name}
        if issued
        else _("Your order from %(shop)s is completed") % {"shop": order.shop.name},
        lead=leads[CompletedHow(order.completed_how)], facts=facts,
        button=_("Open your keys") if issued else _("Open the order"), url=order_page(order),
        links=[(_("Receipt"), page("storefront:receipt", order.public_id))],
    )  # fmt: skip


def order_page(order: Order) -> str:
    """Where it is followed. A guest needs the private link for it, which is in no letter."""
    return page("storefront:order", order.public_id)


def moment_words(at: datetime, zone: str) -> str:
    """`November 29, 2026, 18:42, China Standard Time`: by the clock of `zone`, named, in the active language."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{date_format(local, 'DATE_FORMAT')} {figures.clock_time(at, zone)}, {zone_words(at, zone)}"


def zone_words(at: datetime, zone: str) -> str:
    """What people call the zone at that moment, in the active language."""
    locale = "zh_Hans" if (get_language() or "en").startswith("zh") else "en"
    return get_timezone_name(at.astimezone(ZoneInfo(zone)), locale=locale)
