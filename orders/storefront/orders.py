"""A customer's orders: the list, the live page of one, its panels, cancelling."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from config.ground.problems import Refusal
from orders import services, words
from orders.access import Asker, asker, open_links, own_order
from orders.actors import as_customer
from orders.order.models import Order
from orders.order.states import RUNNING, CancelReason
from orders.people import User
from orders.storefront import basket, sentences, timeline
from orders.storefront.facts import Facts
from orders.storefront.found import order_or_missing
from orders.storefront.kept import kept_link

ORDERS_A_PAGE = 20
PANELS = ("hero", "courier", "timeline", "lines", "money", "keys", "actions")
SHOWS = ("all", "running", "refunds")


def own_orders(person: Asker) -> QuerySet[Order]:
    """The orders that this person placed or holds the private link of, newest first."""
    mine = open_links(person)
    if person.user_id is not None:
        mine |= Q(customer_id=person.user_id)
    return Order.objects.filter(mine).order_by("-id")


def orders(request: HttpRequest) -> HttpResponse:
    """My orders: the running ones first, then the ended ones, twenty a page."""
    person = asker(request)
    show = request.GET.get("show", "all")
    show = show if show in SHOWS else "all"
    mine = own_orders(person).select_related("shop").prefetch_related("lines")
    before = request.GET.get("before", "")
    running = [] if before or show == "refunds" else list(mine.filter(status__in=RUNNING)[:ORDERS_A_PAGE])
    ended, more = ([], "") if show == "running" else _page(mine.exclude(status__in=RUNNING), show, before)
    return render(request, "storefront/orders.html", {
        "show": show,
        "running": [Facts(order) for order in running],
        "running_count": own_orders(person).filter(status__in=RUNNING).count(),
        "refund_count": own_orders(person).filter(returned_minor__gt=0).count(),
        "ended": [Facts(order) for order in ended],
        "more": more,
        "before": before,
        "labels": words.table("customer"),
    })  # fmt: skip


def _page(ended: QuerySet[Order], show: str, before: str) -> tuple[list[Order], str]:
    """Twenty ended orders below the cursor, and the cursor of the next page (empty: no more)."""
    if show == "refunds":
        ended = ended.filter(returned_minor__gt=0)
    if before:
        ended = ended.filter(pk__lt=Order.objects.filter(public_id=before).values("pk")[:1])
    found = list(ended[: ORDERS_A_PAGE + 1])
    return found[:ORDERS_A_PAGE], found[ORDERS_A_PAGE - 1].public_id if len(found) > ORDERS_A_PAGE else ""


def page_of(request: HttpRequest, order_id: str) -> dict[str, Any]:
    """What the order page and its panels draw. Raises NoSuchOrder for another person's order."""
    order = own_order(asker(request), order_id)
    return {"order": order, "shop": order.shop, "facts": Facts(order), "link": kept_link(request, order_id)}


@order_or_missing
def order(request: HttpRequest, order_id: str) -> HttpResponse:
    """The live page of one order."""
    context = page_of(request, order_id)
    found: Order = context["order"]
    context |= {
        "labels": sentences.labels(found),
        "story": timeline.table(found),
        "stages": sentences.STAGES,
    }
    return render(request, "storefront/order.html", context)


@order_or_missing
def panel(request: HttpRequest, order_id: str, panel: str) -> HttpResponse:
    """One part of the order page anew."""
    if panel not in PANELS:
        raise Http404
    return render(request, f"storefront/_{panel}.html", page_of(request, order_id))


@order_or_missing
def cancel(request: HttpRequest, order_id: str) -> HttpResponse:
    """Say what comes back, then cancel. Once the kitchen has begun this leads back to the order."""
    context = page_of(request, order_id)
    if request.method == "POST":
        user = request.user if isinstance(request.user, User) else None
        try:
            services.cancel_order(order_id, reason=CancelReason.CUSTOMER, actor=as_customer(user))
        except Refusal as refusal:
            context = page_of(request, order_id) | {"sentence": refusal.detail}
            return render(request, "storefront/cancel.html", context, status=refusal.status)
        return redirect("storefront:order", order_id)
    if not context["facts"].is_cancellable:
        return redirect("storefront:order", order_id)
    return render(request, "storefront/cancel.html", context)


@require_POST
@order_or_missing
def again(request: HttpRequest, order_id: str) -> HttpResponse:
    """Put the same things into the cart once more."""
    found: Order = page_of(request, order_id)["order"]
    basket.refill(request, found)
    return redirect("storefront:shop", found.shop.public_id)
