"""Taking keys out of sale at the shop: pasted ones, or every unsold key of a file; with a reason, recorded."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from config.ground.problems import Refusal
from orders import services
from orders.catalog.models import Shop
from orders.merchant.door import actor_of, at_shop
from orders.merchant.key_forms import ReasonForm, VoidForm
from orders.merchant.keys import import_of, pool_of, show_pool
from orders.stock.masking import without_keys
from orders.stock.models import KeyPool


@sensitive_post_parameters("keys")
@at_shop
@require_POST
def void(request: HttpRequest, shop: Shop, pool_id: str) -> HttpResponse:
    """Take pasted keys out of the pool."""
    pool, form = pool_of(shop, pool_id), VoidForm(request.POST)
    if not form.is_valid():
        return show_pool(request, pool, voids=_kept(form, pool), status=422)
    given = form.cleaned_data
    try:
        services.void_texts(pool, given["keys"], reason=given["reason"], actor=actor_of(request))
    except Refusal as refusal:
        return show_pool(request, pool, error=refusal.detail, voids=_kept(form, pool), status=refusal.status)
    return redirect("merchant:pool", shop.public_id, pool_id)


@at_shop
@require_POST
def void_batch(request: HttpRequest, shop: Shop, import_id: str) -> HttpResponse:
    """Take every unsold key of one file out of its pool."""
    batch, form = import_of(shop, import_id), ReasonForm(request.POST)
    if not form.is_valid():
        return show_pool(request, batch.pool, error=_("Say in a few words why the batch goes."), status=422)
    try:
        services.void_batch(batch, reason=form.cleaned_data["reason"], actor=actor_of(request))
    except Refusal as refusal:
        return show_pool(request, batch.pool, error=refusal.detail, status=refusal.status)
    return redirect("merchant:pool", shop.public_id, batch.pool.public_id)


def _kept(form: VoidForm, pool: KeyPool) -> VoidForm:
    """The form as it is drawn again: what was wrong, the reason, and no key in either."""
    form.data = {"reason": without_keys(form.data.get("reason", ""), pool.shop_id)}
    return form
