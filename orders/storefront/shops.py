"""The pages where one chooses: home, a shop's menu, one product with its options."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from config.ground import clock
from orders import words
from orders.access import asker
from orders.catalog.models import Shop, Trade
from orders.order.states import RUNNING
from orders.services.shelf import LOW
from orders.storefront import basket, shelves
from orders.storefront.cart import answer
from orders.storefront.facts import Facts
from orders.storefront.forms import ChoiceForm
from orders.storefront.found import listed_good, listed_shop
from orders.storefront.kept import kept_address
from orders.storefront.orders import own_orders

LONGEST_SEARCH = 60
SHOPS_A_PAGE = 24
STRIPS = 2  # running orders shown on the home page
TRADES: list[tuple[str, str | Promise, str | Promise]] = [
    (Trade.MEAL, _("Meals"), _("Cooked now, brought to you")),
    (Trade.GROCERY, _("Groceries"), _("Picked item by item")),
    (Trade.DIGITAL, _("Card keys"), _("On your order page within seconds")),
]


def home(request: HttpRequest) -> HttpResponse:
    """Shops of three trades, searched and filtered; a running order stands above them."""
    query = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    trade = request.GET.get("trade", "")
    trade = trade if trade in Trade.values else ""
    address = kept_address(request)
    running = own_orders(asker(request)).filter(status__in=RUNNING).select_related("shop")[:STRIPS]
    return render(request, "storefront/home.html", {
        "trades": TRADES,
        "trade": trade,
        "query": query,
        "sections": _sections(request, query, trade, address.get("location")),
        "running": [Facts(order) for order in running],
        "labels": words.table("customer"),
        "where": address.get("line") or _("Where to?"),
        "where_url": reverse("storefront:address"),
    })  # fmt: skip


def _sections(request: HttpRequest, query: str, trade: str, spot: dict[str, float] | None) -> list[dict[str, object]]:
    """A section a trade: card keys by product, the others by shop; the trade's own page shows all of them."""
    most = SHOPS_A_PAGE if trade else shelves.SHOPS_A_TRADE
    found: list[dict[str, object]] = []
    for code, name, _about in TRADES:
        if trade and code != trade:
            continue
        if code == Trade.DIGITAL:
            section: dict[str, object] = {"goods": shelves.card_goods(query, most)}
        else:
            listed = shelves.cards(shelves.find(query, code), spot, query)
            page = Paginator(listed, most).get_page(request.GET.get("page") if trade else 1)
            section = {"cards": page.object_list, "page": page, "count": len(listed)}
        if any(section.get(kind) for kind in ("goods", "cards")):
            found.append({"trade": code, "name": name, **section})
    return found


def shop(request: HttpRequest, shop_id: str) -> HttpResponse:
    """The menu with the cart beside it."""
    found = listed_shop(shop_id)
    address = kept_address(request)
    cart = basket.read(request, found)
    return render(request, "storefront/shop.html", {
        "shop": found,
        "card": shelves.card_of(found, clock.now(), address.get("location")),
        "aisles": [(aisle.category, cart.beside(aisle.goods)) for aisle in shelves.aisles_of(found)],
        "basket": cart,
        "low": LOW,
        "where": address.get("line") or _("Where to?"),
        "where_url": reverse("storefront:address"),
    })  # fmt: skip


def product(request: HttpRequest, shop_id: str, product_id: str) -> HttpResponse:
    """One product: choose its options and put it into the cart. A page of its own, also shown as a dialog."""
    found = listed_shop(shop_id)
    good = listed_good(found, product_id)
    form = ChoiceForm(request.POST or None, good=good)
    if request.method == "POST" and form.is_valid():
        basket.put(request, found, form.item())
        return _chosen(request, found, product_id)
    context = {"shop": found, "good": good, "form": form, "basket": basket.read(request, found)}
    status = 422 if form.errors else 200
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "storefront/_choice.html", context, status=status)
    return render(request, "storefront/product.html", context, status=status)


def _chosen(request: HttpRequest, found: Shop, product_id: str) -> HttpResponse:
    """On the menu only the cart changes; from anywhere else one goes to the menu."""
    menu = reverse("storefront:shop", args=[found.public_id])
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{menu}#{product_id}")
    if request.htmx.current_url_abs_path != menu:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(menu)
    return answer(request, found, product_id)


def card(request: HttpRequest, shop_id: str, product_id: str) -> HttpResponse:
    """One good of the menu anew, after the shop changed it."""
    found = listed_shop(shop_id)
    cart = basket.read(request, found)
    ((good, line),) = cart.beside([listed_good(found, product_id)])
    return render(request, "storefront/_good.html", {"shop": found, "basket": cart, "good": good, "line": line})


def price(request: HttpRequest, shop_id: str, product_id: str) -> HttpResponse:
    """What the choice made so far costs, as text for the button."""
    good = listed_good(listed_shop(shop_id), product_id)
    return render(request, "storefront/_price.html", {"form": ChoiceForm(request.GET, good=good)})
