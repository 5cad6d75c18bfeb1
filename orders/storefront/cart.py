"""The cart's doors: look at it, put something in, change how many. Forms redirect, htmx gets the changed parts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from orders.catalog.models import Shop
from orders.services import Item
from orders.storefront import basket, shelves
from orders.storefront.found import listed_good, listed_shop


def cart(request: HttpRequest, shop_id: str) -> HttpResponse:
    """The cart as a page of its own, for phones; the menu asks for its parts when something in it sold out."""
    shop = listed_shop(shop_id)
    if request.htmx:  # type: ignore[attr-defined]
        return answer(request, shop, "")
    return render(request, "storefront/cart.html", {"shop": shop, "basket": basket.read(request, shop)})


@require_POST
def put(request: HttpRequest, shop_id: str) -> HttpResponse:
    """Put one good without options into the cart; one that needs a choice leads to its page."""
    shop = listed_shop(shop_id)
    product_id = request.POST.get("product", "")
    good = listed_good(shop, product_id)
    if not good.is_complete(()) or good.is_gone:
        return redirect("storefront:product", shop_id, product_id)
    basket.put(request, shop, Item(product_id, _number(request.POST.get("quantity", "1"))))
    return _changed(request, shop, product_id)


@require_POST
def set_quantity(request: HttpRequest, shop_id: str) -> HttpResponse:
    """So many of one line; 0 takes it out."""
    shop = listed_shop(shop_id)
    basket.set_quantity(request, shop, request.POST.get("line", ""), _number(request.POST.get("quantity", "")))
    return _changed(request, shop, request.POST.get("product", ""))


def _number(text: str) -> int:
    """A whole number, −1 for anything else (which the cart then refuses)."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 6 else -1


def _changed(request: HttpRequest, shop: Shop, product_id: str) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return answer(request, shop, product_id)
    back = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return redirect(back if ours else reverse("storefront:shop", args=[shop.public_id]))


def answer(request: HttpRequest, shop: Shop, product_id: str) -> HttpResponse:
    """The parts of the page that a change of the cart touches, each swapped where it stands."""
    goods = shelves.goods_of(shop.products.listed().for_menu().filter(public_id=product_id))
    current = basket.read(request, shop)
    alone = request.htmx.current_url_abs_path == reverse("storefront:cart", args=[shop.public_id])  # type: ignore[attr-defined]
    context = {"shop": shop, "basket": current, "entries": current.beside(goods), "alone": alone}
    response = render(request, "storefront/_cart_changed.html", context)
    response["HX-Reswap"] = "none"
    response["HX-Trigger-After-Swap"] = "lockstep:cart"
    return response
