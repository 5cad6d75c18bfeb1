"""Card keys of a shop: pools with counted totals, importing a file, how far it is, what was refused.

No view here can show a whole key: a report names a line by its last four characters.
"""

import csv
from contextlib import suppress
from typing import Any

from django import forms
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from kombu.exceptions import OperationalError

from config.ground import clock
from config.ground.problems import Refusal
from orders import services
from orders.catalog.models import Shop
from orders.merchant.door import actor_of, at_shop
from orders.merchant.spool import SpooledFile, SpoolHandler
from orders.services import keyfile
from orders.stock.imports import KeyImport
from orders.stock.models import Key, KeyPool
from orders.tasks import import_keys_file

AT_ONCE_BYTES = 256 * 1024  # so much is imported while the page waits, well below a second
SHOWN = 100  # refused lines on the page; the report has all that were kept
BATCHES = 20


class PoolForm(forms.Form):
    """A new pool."""

    name = forms.CharField(label=gettext_lazy("Name of the pool"), max_length=80)
    uses = forms.IntegerField(label=gettext_lazy("Buyers per key"), min_value=1, max_value=100_000, initial=1)


@at_shop
@require_http_methods(["GET", "POST"])
def pools(request: HttpRequest, shop: Shop) -> HttpResponse:
    """The shop's pools, each counted now; a new one is made here."""
    form = PoolForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        pool = services.add_pool(shop.public_id, **form.cleaned_data)
        return redirect("merchant:pool", shop.public_id, pool.public_id)
    found = list(shop.pools.prefetch_related("products").order_by("name"))
    facts = {"shop": shop, "section": "keys", "form": form, "pools": [(pool, totals(pool)) for pool in found]}
    return render(request, "merchant/keys.html", facts, status=422 if form.errors else 200)


@csrf_exempt  # only until the upload handler is set: `receive` below checks the token
@at_shop
def pool(request: HttpRequest, shop: Shop, pool_id: str) -> HttpResponse:
    """One pool: its totals, its imports, and the form that takes a file."""
    found = get_object_or_404(KeyPool, shop=shop, public_id=pool_id)
    if request.method != "POST":
        return show_pool(request, found)
    handler = SpoolHandler(request)
    request.upload_handlers = [handler]
    try:
        return receive(request, found, handler)
    finally:
        handler.discard()  # what an import took over has another name by now


@csrf_protect
def receive(request: HttpRequest, pool: KeyPool, handler: SpoolHandler) -> HttpResponse:
    """Take the file over and import it: at once when it is small, else in the background."""
    sent = request.FILES.get("file")
    if handler.is_too_large:
        error = keyfile.FileTooLarge(size=_("This file"), field="file").detail
        return show_pool(request, pool, error=error, status=413)
    if not isinstance(sent, SpooledFile):
        return show_pool(request, pool, error=_("Choose a file first."), status=422)
    label = request.POST.get("label", "").strip()[:80] or f"{clock.now().astimezone(pool.shop.tz):%Y-%m-%d %H:%M}"
    try:
        job = services.begin_import(
            pool, sent.path, file_name=str(sent.name)[:120], label=label, actor=actor_of(request)
        )
    except Refusal as refusal:
        return show_pool(request, pool, error=refusal.detail, status=refusal.status)
    if job.size_bytes <= AT_ONCE_BYTES:
        keyfile.work_on(job.public_id)
    else:
        with suppress(OperationalError):  # the broker is away: the clock finds the import within a minute
            import_keys_file.delay(job.public_id)
    return redirect("merchant:key_import", pool.shop.public_id, job.public_id)


def show_pool(request: HttpRequest, pool: KeyPool, *, error: str = "", status: int = 200) -> HttpResponse:
    """Draw the pool's page."""
    return render(request, "merchant/pool.html", pool_facts(pool) | {"error": error}, status=status)


@at_shop
@require_GET
def key_import(request: HttpRequest, shop: Shop, import_id: str) -> HttpResponse:
    """One import: progress while it runs, the report afterwards. Under htmx only that part."""
    job = import_of(shop, import_id)
    said = request.GET.get("said", "")
    step = job.percent // 25 * 25
    facts = pool_facts(job.pool) | {
        "job": job,
        "lines": job.refused[:SHOWN],
        "seconds_left": _seconds_left(job),
        "step": step,
        "is_said": said == str(step),
    }
    template = "merchant/_import.html" if request.headers.get("HX-Request") else "merchant/import.html"
    return render(request, template, facts)


@at_shop
@require_POST
def stop(request: HttpRequest, shop: Shop, import_id: str) -> HttpResponse:
    """Stop after the batch being stored."""
    del request
    services.ask_to_stop(import_of(shop, import_id))
    return redirect("merchant:key_import", shop.public_id, import_id)


@at_shop
@require_GET
def report(request: HttpRequest, shop: Shop, import_id: str) -> HttpResponse:
    """What was not stored, as CSV: line, reason, last four characters."""
    del request
    job = import_of(shop, import_id)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{job.public_id}.csv"'
    rows = csv.writer(response)
    rows.writerow(["line", "what", "ends_in"])
    rows.writerows([number, reason, f"····{tail}"] for number, reason, tail in job.refused)
    return response


@at_shop
@require_POST
def void(request: HttpRequest, shop: Shop, pool_id: str) -> HttpResponse:
    """Take a pasted key out of the pool."""
    found = get_object_or_404(KeyPool, shop=shop, public_id=pool_id)
    text = request.POST.get("key", "").strip()
    if text and services.void_text(found, text):
        return redirect("merchant:pool", shop.public_id, pool_id)
    words = _("This key is not for sale in this pool: never imported, reserved, issued or void already.")
    return show_pool(request, found, error=words, status=422)


def import_of(shop: Shop, import_id: str) -> KeyImport:
    """An import into a pool of this shop. Raises Http404."""
    return get_object_or_404(KeyImport.objects.select_related("pool__shop"), pool__shop=shop, public_id=import_id)


def totals(pool: KeyPool) -> dict[str, int]:
    """State → how many keys, counted now."""
    rows = Key.objects.filter(pool=pool).values("state").annotate(n=Count("id"))
    return dict.fromkeys(Key.State.values, 0) | {row["state"]: row["n"] for row in rows}


def pool_facts(pool: KeyPool) -> dict[str, Any]:
    """What every page of a pool shows."""
    return {
        "shop": pool.shop,
        "section": "keys",
        "pool": pool,
        "totals": totals(pool),
        "batches": pool.imports.all()[:BATCHES],
        "today": f"{clock.now().astimezone(pool.shop.tz):%Y-%m-%d}",
    }


def _seconds_left(job: KeyImport) -> int | None:
    """How long it will take at the pace so far; None while that cannot be told."""
    passed = (clock.now() - job.created_at).total_seconds()
    if not job.is_running or not job.read_bytes or passed < 1:
        return None
    return round(passed * (job.size_bytes - job.read_bytes) / job.read_bytes)
