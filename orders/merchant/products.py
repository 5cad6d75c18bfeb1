"""The products page: find a good, switch it off and on with one tap, count it."""

import json
from datetime import datetime

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.ground.problems import Refusal
from orders import services
from orders.catalog.models import Product, Shop
from orders.merchant import shelves
from orders.merchant.door import actor_of, at_shop

MOST_ON_HAND = 1_000_000


class CountForm(forms.Form):
    """How many are in the house."""

    on_hand = forms.IntegerField(label=gettext_lazy("In the house now"), min_value=0, max_value=MOST_ON_HAND)


@at_shop
@require_GET
def products(request: HttpRequest, shop: Shop) -> HttpResponse:
    """All goods, or those that the filter and the words leave."""
    which = request.GET.get("show", "all")
    words = request.GET.get("q", "").strip().lower()
    rows = shelves.rows_of(shop)
    facts = {
        "shop": shop,
        "section": "products",
        "rows": [row for row in rows if row.fits(which) and _says(row.product, words)],
        "counts": [(key, sum(row.fits(key) for row in rows)) for key in shelves.FILTERS],
        "which": which,
        "q": request.GET.get("q", ""),
        "tomorrow": shelves.tomorrow(shop),
    }
    template = "merchant/_products.html" if request.headers.get("HX-Request") else "merchant/products.html"
    return render(request, template, facts)


@at_shop
@require_GET
def row(request: HttpRequest, shop: Shop, product_id: str) -> HttpResponse:
    """One row as it is now."""
    return show_row(request, shop, product_of(shop, product_id))


@at_shop
@require_POST
def sale(request: HttpRequest, shop: Shop, product_id: str) -> HttpResponse:
    """One tap: sold out everywhere now, back on sale, or off until tomorrow."""
    product = product_of(shop, product_id)
    on, until = request.POST.get("on") == "1", request.POST.get("until") == "tomorrow"
    back_at: datetime | None = shelves.tomorrow(shop) if until else None
    services.set_sold_out(product_id, sold_out=not on, back_at=back_at, actor=actor_of(request))
    if not request.headers.get("HX-Request"):
        return redirect("merchant:products", shop.public_id)
    response = show_row(request, shop, product)
    if request.POST.get("quietly") != "1":
        said = _("{item}: back on sale.") if on else _("{item}: sold out everywhere now.")
        told = {"text": said.format(item=product.name), "label": _("Undo"), "row": f"p-{product_id}"}
        response["HX-Trigger"] = json.dumps({"lockstep:sale": told})
    return response


@at_shop
@require_http_methods(["GET", "POST"])
def count(request: HttpRequest, shop: Shop, product_id: str) -> HttpResponse:
    """Set the counted stock; running orders keep what is promised to them."""
    product = product_of(shop, product_id)
    stock = getattr(product, "stock", None)
    form = CountForm(request.POST or None, initial={"on_hand": stock.on_hand if stock else 0})
    if request.method == "POST" and form.is_valid():
        try:
            services.set_count(product_id, on_hand=form.cleaned_data["on_hand"], actor=actor_of(request))
        except Refusal as refusal:
            form.add_error("on_hand", refusal.detail)
        else:
            return redirect("merchant:products", shop.public_id)
    facts = {"shop": shop, "section": "products", "product": product, "form": form, "stock": stock}
    return render(request, "merchant/count.html", facts, status=422 if form.errors else 200)


def product_of(shop: Shop, product_id: str) -> Product:
    """A good of this shop. Raises Http404."""
    return get_object_or_404(
        Product.objects.select_related("shop", "stock", "category"), shop=shop, public_id=product_id
    )


def show_row(request: HttpRequest, shop: Shop, product: Product) -> HttpResponse:
    """Draw one row of the table."""
    (fresh,) = shelves.rows_of(shop, Product.objects.filter(pk=product.pk))
    facts = {"shop": shop, "row": fresh, "tomorrow": shelves.tomorrow(shop)}
    return render(request, "merchant/_product.html", facts)


def _says(product: Product, words: str) -> bool:
    texts = (product.name_en, product.name_zh, product.barcode, product.shelf, product.category.name)
    return all(any(word in text.lower() for text in texts) for word in words.split())
