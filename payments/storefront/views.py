"""The pay page: a code or a way to the gateway, the time left, “I have paid”, the other channel."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.ground.limits import Limit, wait_ms
from config.ground.problems import Refusal
from orders.access import asker, own_order
from orders.actors import Actor, as_customer
from orders.people import User
from payments import services
from payments.models import Attempt
from payments.storefront.screen import Screen, form_for, screen_of

ASKING = Limit(per_minute=6, burst=1)  # “I have paid” rests 10 s, by order
REST_SECONDS = 10


@never_cache
@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, order_id: str) -> HttpResponse:
    """Show how to pay, or (POST `channel`) start paying by that channel.

    The first look at an order's page starts its chosen channel, so that the code is there without a press; a start
    is the same attempt however often it is repeated. Whoever comes back from a gateway's page says so by `trade_no`.
    """
    order = own_order(asker(request), order_id)
    refusal = None
    if request.method == "GET" and "trade_no" in request.GET:
        _ask(request, screen_of(order))
        return redirect("payments:pay", order_id)
    if request.method == "POST":
        refusal = _start(request, order_id, request.POST.get("channel", ""))
        if refusal is None:
            return redirect("payments:pay", order_id)
    screen = screen_of(order)
    if screen.moment == "choose" and screen.attempt is None and refusal is None:
        refusal = _start(request, order_id, screen.channel)
        screen = screen_of(own_order(asker(request), order_id))
    if screen.moment in {"elsewhere", "cancelled", "paid"}:
        return redirect("storefront:order", order_id)
    return _page(request, screen, refusal=refusal)


@never_cache
@require_GET
def card(request: HttpRequest, order_id: str) -> HttpResponse:
    """The page without its frame; 204 while it would look the same as what the page shows (`seen`)."""
    screen = screen_of(own_order(asker(request), order_id))
    if request.GET.get("seen") == screen.tag:
        return HttpResponse(status=204)
    return render(request, "storefront/_pay.html", {"screen": screen, "order": screen.order})


@never_cache
@require_POST
def paid_check(request: HttpRequest, order_id: str) -> HttpResponse:
    """“I have paid”: one question to the gateway, then 10 s of rest; the clock goes on asking anyway."""
    answer, rest = _ask(request, screen_of(own_order(asker(request), order_id)))
    screen = screen_of(own_order(asker(request), order_id))
    context = {"screen": screen, "order": screen.order, "answer": answer, "rest": rest}
    if request.headers.get("HX-Request"):
        return render(request, "storefront/_pay.html", context)
    return _page(request, screen, answer=answer, rest=rest)


def _ask(request: HttpRequest, screen: Screen) -> tuple[str, int]:
    """Ask the gateway once about the newest attempt, unless it was asked just now: what it said, seconds to rest."""
    attempt = screen.attempt
    if attempt is None or attempt.state == Attempt.State.SUCCESS:
        return "", REST_SECONDS
    rest_ms = wait_ms(f"paid-check:{screen.order.public_id}", ASKING)
    if not rest_ms:
        attempt = services.ask_gateway(attempt, claimed_by=_buyer(request))
    return "silent" if attempt.last_error else "unseen", -(-rest_ms // 1000) or REST_SECONDS


def _page(request: HttpRequest, screen: Screen, **more: object) -> HttpResponse:
    refusal = more.get("refusal")
    status = refusal.status if isinstance(refusal, Refusal) and request.method == "POST" else 200
    context = {"screen": screen, "order": screen.order, **more}
    return render(request, "storefront/pay.html", context, status=status)


def _start(request: HttpRequest, order_id: str, channel: str) -> Refusal | None:
    form = form_for(channel, request.headers.get("User-Agent", ""))
    try:
        services.start_payment(
            order_id, channel=channel, form=form, actor=_buyer(request), client_ip=request.META.get("REMOTE_ADDR")
        )
    except Refusal as refusal:
        return refusal
    return None


def _buyer(request: HttpRequest) -> Actor:
    return as_customer(request.user if isinstance(request.user, User) else None)
