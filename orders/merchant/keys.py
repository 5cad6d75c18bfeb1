"""Card keys of a shop: pools with counted totals and limits, importing a file, how far it is, what was refused.

No view here can show a whole key: a report names a line by its last four characters.
"""

import csv
from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from kombu.exceptions import OperationalError

from config.ground import clock
from config.ground.problems import Refusal
from config.ground.sheets import plain
from orders import services
from orders.catalog.models import Shop
from orders.merchant.door import actor_of, at_shop
from orders.merchant.key_forms import LimitsForm, PoolForm, ReasonForm, VoidForm
from orders.merchant.spool import SpooledFile, SpoolHandler
from orders.people import User
from orders.services import keyfile
from orders.stock import keys
from orders.stock.imports import KeyImport
from orders.stock.models import KeyPool, KeyVoiding
from orders.tasks import import_keys_file
from orders.words import PEOPLE

AT_ONCE_BYTES = 256 * 1024  # so much is imported while the page waits, well below a second
SHOWN = 100  # refused lines on the page; the report has all that were kept
BATCHES = 20
VOIDINGS = 10
KNOWN = {
    "AVAILABLE": gettext_lazy("Already in this pool"),
    "RESERVED": gettext_lazy("Already in this pool, reserved"),
    "USED": gettext_lazy("Already issued"),
    "VOID": gettext_lazy("Taken out as void before"),
}


@at_shop
@require_http_methods(["GET", "POST"])
def pools(request: HttpRequest, shop: Shop) -> HttpResponse:
    """The shop's pools, each counted now; a new one is made here."""
    form = PoolForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        pool = services.add_pool(shop.public_id, **form.cleaned_data)
        return redirect("merchant:pool", shop.public_id, pool.public_id)
    found = list(shop.pools.prefetch_related("products").order_by("name"))
    facts = {"shop": shop, "section": "keys", "form": form, "pools": [(pool, keys.totals(pool)) for pool in found]}
    return render(request, "merchant/keys.html", facts, status=422 if form.errors else 200)


@csrf_exempt  # only until the upload handler is set: `receive` below checks the token
@at_shop
def pool(request: HttpRequest, shop: Shop, pool_id: str) -> HttpResponse:
    """One pool: its totals, its imports, and the form that takes a file."""
    found = pool_of(shop, pool_id)
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


def show_pool(request: HttpRequest, pool: KeyPool, *, status: int = 200, **more: Any) -> HttpResponse:
    """Draw the pool's page; `error` is a sentence above it, `limits` and `voids` are forms that were refused."""
    return render(request, "merchant/pool.html", pool_facts(pool) | more, status=status)


@at_shop
@require_GET
def key_import(request: HttpRequest, shop: Shop, import_id: str) -> HttpResponse:
    """One import: progress while it runs, the report afterwards. Under htmx only that part."""
    job = import_of(shop, import_id)
    said = request.GET.get("said", "")
    step = job.percent // 25 * 25
    facts = pool_facts(job.pool) | {
        "job": job,
        "lines": [explained(line) for line in job.refused[:SHOWN]],
        "seconds_left": _seconds_left(job),
        "step": step,
        "is_said": said == str(step),
        "reasons": ReasonForm(),
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
    rows.writerow(["line", "what", "ends_in", "same_as"])
    rows.writerows([number, reason, f"····{tail}", *map(plain, about)] for number, reason, tail, *about in job.refused)
    return response


@at_shop
@require_POST
def limits(request: HttpRequest, shop: Shop, pool_id: str) -> HttpResponse:
    """How many one buyer may have, and from how many on the shop is warned."""
    found = pool_of(shop, pool_id)
    form = LimitsForm(request.POST)
    if not form.is_valid():
        return show_pool(request, found, limits=form, status=422)
    services.set_limits(found, **form.cleaned_data)
    return redirect("merchant:pool", shop.public_id, pool_id)


def pool_of(shop: Shop, pool_id: str) -> KeyPool:
    """A pool of this shop. Raises Http404."""
    return get_object_or_404(KeyPool.objects.select_related("shop"), shop=shop, public_id=pool_id)


def import_of(shop: Shop, import_id: str) -> KeyImport:
    """An import into a pool of this shop. Raises Http404."""
    return get_object_or_404(KeyImport.objects.select_related("pool__shop"), pool__shop=shop, public_id=import_id)


def pool_facts(pool: KeyPool) -> dict[str, Any]:
    """What every page of a pool shows."""
    return {
        "shop": pool.shop,
        "section": "keys",
        "pool": pool,
        "totals": keys.totals(pool),
        "batches": pool.imports.all()[:BATCHES],
        "voidings": voidings_of(pool),
        "voids": VoidForm(),
        "limits": LimitsForm(initial={"per_buyer": pool.per_buyer, "low_at": pool.low_at}),
        "today": f"{clock.now().astimezone(pool.shop.tz):%Y-%m-%d}",
    }


def _seconds_left(job: KeyImport) -> int | None:
    """How long it will take at the pace so far; None while that cannot be told."""
    passed = (clock.now() - job.created_at).total_seconds()
    if not job.is_running or not job.read_bytes or passed < 1:
        return None
    return round(passed * (job.size_bytes - job.read_bytes) / job.read_bytes)


def explained(line: list[Any]) -> tuple[int, str, str]:
    """A refused line for people: its number, the last characters, what is wrong with it."""
    number, reason, tail, *about = line
    what = str(about[0]) if about else ""
    if reason == "twice":
        words = _("Same key is in this file, line %(line)s") % {"line": what}
    elif reason == "elsewhere":
        words = _("Already in your pool “%(pool)s”: a key is sold once") % {"pool": what}
    elif reason == "duplicate":
        state, _bar, batch = what.partition("|")
        words = str(KNOWN.get(state, KNOWN["AVAILABLE"]))
        words = _("%(words)s, batch %(batch)s") % {"words": words, "batch": batch} if batch else words
    else:
        words = _("Not UTF-8 text, or longer than 200 characters")
    return number, tail, words


def voidings_of(pool: KeyPool) -> list[tuple[KeyVoiding, str]]:
    """The newest acts of taking keys out, each with the name of who did it."""
    acts = list(pool.voidings.select_related("batch")[:VOIDINGS])
    people = User.objects.filter(public_id__in={act.by for act in acts})
    names = {person.public_id: person.name for person in people}
    return [(act, names.get(act.by) or PEOPLE["system"].text) for act in acts]
