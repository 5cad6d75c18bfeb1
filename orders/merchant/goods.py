"""One good: writing it anew, changing it, its picture, the choices it offers."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from config.ground.problems import Refusal
from orders import services
from orders.catalog.models import OptionGroup, Product, Shop
from orders.merchant.door import actor_of, at_shop
from orders.merchant.goods_forms import ChoiceForm, OptionFormSet, ProductForm, choice_draft, initial_options
from orders.merchant.products import product_of

CHOICE_FIELDS = ("name_en", "name_zh", "least", "most")


@at_shop
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, shop: Shop) -> HttpResponse:
    """A new good."""
    form = ProductForm(shop, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid() and (product := _save(request, shop, None, form)):
        return redirect("merchant:product", shop.public_id, product.public_id)
    return _show(request, "merchant/product.html", {"shop": shop, "form": form}, form)


@at_shop
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, shop: Shop, product_id: str) -> HttpResponse:
    """A good that is there, with its choices."""
    product = product_of(shop, product_id)
    form = ProductForm(shop, request.POST or None, request.FILES or None, initial=ProductForm.of(product))
    if request.method == "POST" and form.is_valid() and _save(request, shop, product, form):
        return redirect("merchant:products", shop.public_id)
    groups = list(product.groups.prefetch_related("options"))
    return _show(
        request, "merchant/product.html", {"shop": shop, "form": form, "product": product, "groups": groups}, form
    )


@at_shop
@require_http_methods(["GET", "POST"])
def choice(request: HttpRequest, shop: Shop, product_id: str, place: int) -> HttpResponse:
    """One choice of a good, by its place (1 is the first); the place after the last one is a new choice."""
    product = product_of(shop, product_id)
    group = _group(product, place)
    if request.method == "POST" and request.POST.get("do") == "remove" and group:
        services.remove_choice(group, actor=actor_of(request))
        return redirect("merchant:product", shop.public_id, product_id)
    values = {name: getattr(group, name) for name in CHOICE_FIELDS} if group else None
    form = ChoiceForm(request.POST or None, initial=values)
    options = OptionFormSet(request.POST or None, initial=initial_options(group), prefix="options")
    if request.method == "POST" and form.is_valid() and options.is_valid():
        try:
            draft = choice_draft(form, options)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            services.save_choice(product_id, draft, group=group, actor=actor_of(request))
            return redirect("merchant:product", shop.public_id, product_id)
    facts = {"shop": shop, "product": product, "group": group, "form": form, "options": options}
    return _show(request, "merchant/choice.html", facts, form, options)


def _group(product: Product, place: int) -> OptionGroup | None:
    groups = list(product.groups.all())
    if not 1 <= place <= len(groups) + 1:
        raise Http404
    return groups[place - 1] if place <= len(groups) else None


def _save(request: HttpRequest, shop: Shop, product: Product | None, form: ProductForm) -> Product | None:
    """All of it or nothing; a picture that cannot be read is an error of its field."""
    upload, actor = form.cleaned_data["picture"], actor_of(request)
    try:
        with transaction.atomic():
            if product is None:
                product = services.add_product(shop.public_id, form.draft(), actor=actor)
            else:
                product = services.change_product(product.public_id, form.draft(), actor=actor)
            if upload:
                services.set_picture(product.public_id, upload=upload.file, size=upload.size, actor=actor)
    except Refusal as refusal:
        form.add_error(refusal.field, refusal.detail)
        return None
    return product


def _show(request: HttpRequest, template: str, facts: dict[str, Any], *forms: Any) -> HttpResponse:
    wrong = any(form.is_bound and not form.is_valid() for form in forms)
    return render(request, template, facts | {"section": "products"}, status=422 if wrong else 200)
