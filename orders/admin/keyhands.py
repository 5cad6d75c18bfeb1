"""Support's two repairs of card keys: another key for a bad one, and a look at one; each with reason and second factor.

The look is answered by a page of its own that nobody keeps: no redirect, no message, nothing stored but that it was.
"""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from orders import services
from orders.actors import Actor
from orders.admin import repairs
from orders.admin.repairs import Form, Repair, Words
from orders.catalog.models import Trade
from orders.order.models import Order
from orders.people import User
from orders.services.refusals import Required
from orders.stock.models import KeyIssue


def units_of(order: Order) -> list[str]:
    """The issued units of an order as support names them: `1.2` is the second of line 1."""
    if order.trade != Trade.DIGITAL:
        return []
    issued = KeyIssue.objects.filter(order=order, issued_at__isnull=False, replaced_at=None)
    return [f"{line}.{unit}" for line, unit in issued.values_list("line_no", "unit_no")]


def _why_not(order: Order) -> Words:
    return "" if units_of(order) else _("no key was issued")


def _unit(form: Form) -> tuple[int, int]:
    line, _dot, unit = str(form.get("unit", "")).partition(".")
    if not (repairs.WHOLE.fullmatch(line) and repairs.WHOLE.fullmatch(unit)):
        raise Required(field="unit")
    return int(line), int(unit)


def _replace(order_id: str, actor: Actor, form: Form) -> Order:
    line, unit = _unit(form)
    return services.replace_key(order_id, line, unit, actor=actor)


def _look(repair: Repair, order: Order, form: Form, user: User, address: str | None) -> str:
    line, unit = _unit(form)
    shown: list[str] = []

    def look(order_id: str, actor: Actor) -> None:
        shown.append(services.reveal_to_support(order_id, line, unit, actor=actor, address=address))

    repairs.record(repair, order, form, user, look)
    return shown[0]


@never_cache
def show_once(request: HttpRequest, site: AdminSite, order: Order, repair: Repair) -> HttpResponse:
    """Draw the key. Raises Refusals, and nothing was looked at then."""
    assert repair.shows is not None
    user: Any = request.user
    text = repair.shows(repair, order, request.POST, user, request.META.get("REMOTE_ADDR") or None)
    facts = {"title": order.public_id, "order": order, "text": text, "unit": request.POST.get("unit")}
    return render(request, "admin/orders/order/key.html", {**site.each_context(request), **facts})


def _old_is_void(order: Order) -> Words:
    del order
    return _("The old key becomes void; the customer sees the new one at once on the order page, and that we did it.")


def _is_told(order: Order) -> Words:
    del order
    return _("The customer reads that support looked. Do it only when the shop cannot tell without it.")


REPLACE_KEY = Repair(
    "replace-key", _("Replace a key…"), _("replace keys"), _why_not, _replace,
    asks=("unit",), is_grave=True, hint=_old_is_void,
)  # fmt: skip
SHOW_KEY = Repair(
    "show-key", _("Look at a key…"), _("look at keys"), _why_not,
    asks=("unit",), permission="orders.reveal_key", is_grave=True, hint=_is_told, shows=_look,
)  # fmt: skip
