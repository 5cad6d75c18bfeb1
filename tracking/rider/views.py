"""The rider's two pages, the list of jobs and the current job, and the presses on them; each a page or a fragment."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from config.ground.problems import Refusal
from tracking import services
from tracking.models import Rider
from tracking.rider import screens
from tracking.rider.door import rider_only


@require_safe
@rider_only
def jobs(request: HttpRequest, rider: Rider) -> HttpResponse:
    """Jobs near, and the rider's own running ones. `seen` names the jobs that the page showed before."""
    return _list(request, rider, request.GET.getlist("seen"))


@require_POST
@rider_only
def duty(request: HttpRequest, rider: Rider) -> HttpResponse:
    """Go on duty (`on` is given) or off duty."""
    (services.go_on_duty if request.POST.get("on") else services.go_off_duty)(rider)
    return _go_to(request, reverse("rider:jobs"))


@require_POST
@rider_only
def claim(request: HttpRequest, rider: Rider, order_id: str) -> HttpResponse:
    """Take a job; when another was faster, say so and show the next ones."""
    try:
        services.claim(order_id, rider=rider)
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        others = [ref for ref in request.POST.getlist("seen") if ref != order_id]
        return _list(request, rider, others, refusal)
    return _go_to(request, reverse("rider:job", args=[order_id]))


@require_safe
@rider_only
def job(request: HttpRequest, rider: Rider, order_id: str) -> HttpResponse:
    """One job of this rider: what to do next."""
    return _job(request, rider, order_id)


@require_POST
@rider_only
def release(request: HttpRequest, rider: Rider, order_id: str) -> HttpResponse:
    """Give the job back."""
    try:
        services.release_claim(order_id, rider=rider)
    except Refusal as refusal:
        return _job(request, rider, order_id, refusal)
    messages.info(request, _("You gave the job back. Another rider can take it."))
    return _go_to(request, reverse("rider:jobs"))


@require_POST
@rider_only
def collect(request: HttpRequest, rider: Rider, order_id: str) -> HttpResponse:
    """The bag is in hand."""
    code = _digits(request.POST.get("shop_code", ""))
    return _after(request, rider, order_id, lambda: services.pick_up(order_id, rider=rider, shop_code=code))


@require_POST
@rider_only
def hand_over(request: HttpRequest, rider: Rider, order_id: str) -> HttpResponse:
    """The customer has the bag and said the code."""
    code = _digits(request.POST.get("code", ""))
    return _after(request, rider, order_id, lambda: services.hand_over(order_id, rider=rider, code=code))


def _digits(typed: str) -> str:
    """What people type around four digits is dropped."""
    return "".join(letter for letter in typed if letter.isalnum())[:8]


def _after(request: HttpRequest, rider: Rider, order_id: str, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return _job(request, rider, order_id, refusal)
    return _job(request, rider, order_id) if _wants_fragment(request) else redirect("rider:job", order_id)


def _list(request: HttpRequest, rider: Rider, seen: list[str], refusal: Refusal | None = None) -> HttpResponse:
    facts = screens.jobs(rider, seen) | {"refusal": refusal}
    template = "rider/_jobs.html" if _wants_fragment(request) else "rider/jobs.html"
    return render(request, template, facts, status=refusal.status if refusal else 200)


def _job(request: HttpRequest, rider: Rider, order_id: str, refusal: Refusal | None = None) -> HttpResponse:
    facts = screens.job(rider, order_id) | {"refusal": refusal}
    template = "rider/_job_swap.html" if _wants_fragment(request) else "rider/job.html"
    return render(request, template, facts, status=refusal.status if refusal else 200)


def _wants_fragment(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _go_to(request: HttpRequest, address: str) -> HttpResponse:
    return HttpResponseClientRedirect(address) if _wants_fragment(request) else redirect(address)
