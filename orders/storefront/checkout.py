"""Checking out: where, how to pay, one press. What is refused comes back with everything that was typed."""

import hashlib
import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache

from config.ground import clock, ids, vault
from config.ground.problems import Refusal
from orders import services
from orders.access import remember_guest
from orders.catalog.models import Shop, Trade
from orders.order.states import Method
from orders.people import User
from orders.services import Placement
from orders.storefront import basket, refused, shelves
from orders.storefront.forms import AddressForm, CheckoutForm
from orders.storefront.found import listed_shop
from orders.storefront.kept import keep_address, keep_link, kept_address, masked

DOOR = "checkout"  # the operation under which keys of this form are remembered


@never_cache
def checkout(request: HttpRequest, shop_id: str) -> HttpResponse:
    """The form, and placing the order. Pressing twice is one order: the form carries its own key."""
    shop = listed_shop(shop_id)
    is_guest = not request.user.is_authenticated
    form = CheckoutForm(request.POST or None, shop=shop, kept=kept_address(request), is_guest=is_guest)
    if request.method == "POST" and form.is_valid():
        try:
            return _place(request, shop, form)
        except Refusal as refusal:
            refused.explain(form, refusal, basket.read(request, shop))
            return _show(request, shop, form, status=refusal.status)
    if not basket.read(request, shop).ordered:
        return redirect("storefront:shop", shop_id)
    return _show(request, shop, form, status=422 if form.errors else 200)


def _show(request: HttpRequest, shop: Shop, form: CheckoutForm, *, status: int) -> HttpResponse:
    """The page; a form that is shown again keeps its key, because nothing was done under it."""
    cart = basket.read(request, shop)
    context = {
        "shop": shop,
        "form": form,
        "basket": cart,
        "kept": form.kept,
        "masked": masked(str(form.kept.get("phone", ""))),
        "is_digital": shop.trade == Trade.DIGITAL,
        "key": form.data.get("key") or ids.new_secret(),
        "method": form.data.get("method") or Method.WECHAT,
        "payment_minutes": settings.PAYMENT_MINUTES,
        "card": shelves.card_of(shop, clock.now(), form.kept.get("location")),
    }
    return render(request, "storefront/checkout.html", context, status=status)


def bill(request: HttpRequest, shop_id: str) -> HttpResponse:
    """The side card for the other way of getting the goods, while the form is being filled."""
    shop = listed_shop(shop_id)
    form = CheckoutForm(request.GET, shop=shop, kept=kept_address(request))
    card = shelves.card_of(shop, clock.now(), form.kept.get("location"))
    context = {"shop": shop, "form": form, "basket": basket.read(request, shop), "card": card}
    return render(request, "storefront/_bill.html", context | {"payment_minutes": settings.PAYMENT_MINUTES})


def _place(request: HttpRequest, shop: Shop, form: CheckoutForm) -> HttpResponse:
    """Place the order once; the second press is led to the order of the first."""
    buyer = request.user if isinstance(request.user, User) else None
    principal = buyer.public_id if buyer else _guest(request)
    key = form.cleaned_data["key"]
    secret = "" if buyer else vault.fingerprint(f"{principal}|{key}", "guest link").hex()

    def work() -> tuple[int, dict[str, str]]:
        order = services.place_order(_placement(request, shop, form), customer=buyer, guest_secret=secret)
        return 201, {"order": order.public_id, "method": order.method}

    answer = services.once(principal, DOOR, key, _body(form), work)
    order_id = answer.body["order"]
    basket.empty(request, shop.public_id)
    if form.recipient.get("line"):
        keep_address(request, form.recipient)
    if secret:
        remember_guest(request, order_id)
        keep_link(request, order_id, secret)
    if answer.body["method"] == Method.CASH:
        return redirect("storefront:order", order_id)
    return redirect("payments:pay", order_id)


def _placement(request: HttpRequest, shop: Shop, form: CheckoutForm) -> Placement:
    cart = basket.read(request, shop)
    refused.check_cart(form, cart)
    return Placement(
        shop_id=shop.public_id,
        items=[line.item for line in cart.ordered],
        method=form.cleaned_data["method"],
        address=form.recipient,
        collects=form.collects,
        note=form.cleaned_data["note"],
        language=get_language() or settings.LANGUAGE_CODE,
        expected_minor=form.expected_minor,
    )


def _guest(request: HttpRequest) -> str:
    """A name for this visit under which its keys are remembered; not the session's key itself."""
    if request.session.session_key is None:
        request.session.save()
    return "guest:" + hashlib.sha256(str(request.session.session_key).encode()).hexdigest()[:32]


def _body(form: CheckoutForm) -> bytes:
    """What the key stands for: the same answers and the same cart."""
    return json.dumps(form.cleaned_data | {"to": form.recipient}, sort_keys=True, default=str).encode()


def address(request: HttpRequest) -> HttpResponse:
    """Where to deliver, told before the first order."""
    form = AddressForm(request.POST or None, initial=_flat(kept_address(request)))
    if request.method == "POST" and form.is_valid():
        keep_address(request, form.address())
        return redirect(reverse("storefront:home"))
    return render(request, "storefront/address.html", {"form": form}, status=422 if form.errors else 200)


def _flat(kept: dict[str, object]) -> dict[str, object]:
    spot = kept.get("location")
    return {**kept, **spot} if isinstance(spot, dict) else kept
