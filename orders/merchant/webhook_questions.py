"""What is done to an endpoint, each with its question: add, prove, pause, move, new secret, send again, remove.

A whole secret is drawn once, in the answer to the press that made it, and never again.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from config.ground import clock
from config.ground.problems import Refusal
from notifications.models import Endpoint
from notifications.webhooks import endpoints, reading, resending
from orders import callbacks
from orders.access import owns
from orders.catalog.models import Shop
from orders.merchant.door import at_shop
from orders.merchant.webhooks import back_to, by, endpoint_of, show_page
from orders.services.refusals import OwnerOnly

OVERLAPS = ((24, _("24 hours")), (1, _("1 hour")), (168, _("7 days")), (0, _("Not at all: it leaked")))
SINCES = ((1, _("1 hour")), (24, _("24 hours")), (168, _("7 days")), (744, _("31 days")))


class AddressForm(forms.Form):
    """Where to."""

    url = forms.CharField(
        label=_("Address"), max_length=500, widget=forms.TextInput(attrs={"type": "url", "autocomplete": "off"})
    )


class SecretForm(forms.Form):
    """How long the old one also signs, and which one is replaced."""

    overlap = forms.TypedChoiceField(label=_("The old one also signs for"), choices=OVERLAPS, coerce=int)
    count = forms.IntegerField(widget=forms.HiddenInput)


class SinceForm(forms.Form):
    """What was given up in the last so many hours."""

    hours = forms.TypedChoiceField(label=_("Given up in the last"), choices=SINCES, coerce=int)


class PositionForm(forms.Form):
    """From which position of the log; `counted` is the position whose messages were counted on the page."""

    position = forms.IntegerField(label=_("From position"), min_value=1)
    counted = forms.IntegerField(required=False, widget=forms.HiddenInput)


@at_shop
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Another address; its secret is on the answer's page."""
    if not owns(request.user.pk, shop.public_id):
        return show_page(request, shop, refusal=OwnerOnly())
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            topic = f"board/{shop.public_id}"
            made, secret = endpoints.add(shop.public_id, topic, form.cleaned_data["url"].strip(), by=by(request))
        except Refusal as refusal:
            form.add_error("url", refusal.detail)
        else:
            return show_secret(request, shop, made, secret)
    return ask(request, shop, "add", form)


@at_shop
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, shop: Shop, endpoint_id: str, what: str) -> HttpResponse:
    """Ask (GET) or do (POST) one of the things that can be done to an endpoint."""
    endpoint = endpoint_of(shop, endpoint_id)
    do = DONE.get(what)
    if do is None or (request.method == "GET" and what not in ASKED):
        raise Http404
    if not owns(request.user.pk, shop.public_id):
        return show_page(request, shop, refusal=OwnerOnly())
    if request.method == "GET":
        return ask(request, shop, what, _form(what, endpoint, None), endpoint)
    form = _form(what, endpoint, request.POST)
    if form is not None and not form.is_valid():
        return ask(request, shop, what, form, endpoint)
    try:
        answer = do(request, shop, endpoint, form)
    except Refusal as refusal:
        if form is None or refusal.field not in form.fields:
            return show_page(request, shop, refusal=refusal)
        form.add_error(refusal.field, refusal.detail)
        return ask(request, shop, what, form, endpoint)
    return answer or redirect(back_to(shop))


def ask(
    request: HttpRequest, shop: Shop, what: str, form: forms.Form | None, endpoint: Endpoint | None = None, **more: Any
) -> HttpResponse:
    """Draw the question."""
    facts = {"shop": shop, "section": "webhooks", "what": what, "form": form, "endpoint": endpoint, "back": "webhooks"}
    if endpoint is not None:
        facts["shown"] = reading.show([endpoint])[0]
    is_wrong = form is not None and bool(form.errors)
    return render(request, "merchant/webhook_ask.html", facts | more, status=422 if is_wrong else 200)


def show_secret(request: HttpRequest, shop: Shop, endpoint: Endpoint, secret: str) -> HttpResponse:
    """The whole secret, this once."""
    facts = {"shop": shop, "section": "webhooks", "endpoint": endpoint, "secret": secret}
    return render(request, "merchant/webhook_secret.html", facts)


Form = Any  # the form that _form made for this verb
Do = Callable[[HttpRequest, Shop, Endpoint, Form], HttpResponse | None]


def _new_secret(request: HttpRequest, shop: Shop, endpoint: Endpoint, form: Form) -> HttpResponse:
    overlap = timedelta(hours=form.cleaned_data["overlap"])
    count = form.cleaned_data["count"]
    changed, secret = endpoints.rotate(endpoint.public_id, overlap=overlap, count=count, by=by(request))
    return show_secret(request, shop, changed, secret)


def _replay(request: HttpRequest, shop: Shop, endpoint: Endpoint, form: Form) -> HttpResponse | None:
    """Count first; do it when the number that was shown belongs to this position."""
    position = form.cleaned_data["position"]
    if not position <= resending.reached():
        raise resending.PositionUnknown(field="position", last=resending.reached())
    if form.cleaned_data["counted"] != position:
        count = callbacks.told_events([endpoint.topic]).filter(position__range=(position, resending.reached())).count()
        return ask(request, shop, "replay", form, endpoint, count=count, position=position)
    resending.everything_from(endpoint.public_id, position, by=by(request))
    return None


def _failed(request: HttpRequest, _shop: Shop, endpoint: Endpoint, form: Form) -> None:
    since = clock.now() - timedelta(hours=form.cleaned_data["hours"])
    resending.failed_since(endpoint.public_id, since, by=by(request))


def _move(request: HttpRequest, _shop: Shop, endpoint: Endpoint, form: Form) -> None:
    endpoints.change_url(endpoint.public_id, form.cleaned_data["url"].strip(), by=by(request))


def _plainly(verb: Callable[..., object]) -> Do:
    """A verb that needs nothing but the endpoint."""

    def do(request: HttpRequest, _shop: Shop, endpoint: Endpoint, _form: Form) -> None:
        verb(endpoint.public_id, by=by(request))

    return do


DONE: dict[str, Do] = {
    "challenge": _plainly(endpoints.challenge),
    "pause": _plainly(endpoints.pause),
    "resume": _plainly(endpoints.resume),
    "waiting": _plainly(resending.waiting),
    "remove": _plainly(endpoints.remove),
    "address": _move,
    "secret": _new_secret,
    "failed": _failed,
    "replay": _replay,
}
ASKED = frozenset({"pause", "remove", "address", "secret", "failed", "replay"})


def _form(what: str, endpoint: Endpoint, data: Any) -> forms.Form | None:
    match what:
        case "address":
            return AddressForm(data, initial={"url": endpoint.url})
        case "secret":
            return SecretForm(data, initial={"count": endpoint.secret_count})
        case "failed":
            return SinceForm(data, initial={"hours": 24})
        case "replay":
            shown = reading.show([endpoint])[0]
            return PositionForm(data, initial={"position": max(1, shown.reached)})
    return None
