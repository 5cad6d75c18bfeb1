"""The shop's programs: which addresses hear of its orders, what waits for them, how each try went.

The endpoints are the post office's (notifications/webhooks); the page stands here because the shop's door does. What
needs a question first is in webhook_questions.py. Everybody who works here may look, only owners change anything.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from config.ground import clock
from config.ground.problems import Refusal
from config.ground.word import Word
from notifications.models import Attempt, Endpoint, Message
from notifications.webhooks import reading, resending
from notifications.webhooks.endpoints import By
from notifications.webhooks.words import MESSAGE, error_in_words
from orders.access import owns
from orders.catalog.models import Shop
from orders.merchant.door import actor_of, at_shop
from orders.services.refusals import OwnerOnly

A_PAGE = 50
TABS = {"waiting": "WAITING", "failed": "GIVEN_UP", "all": ""}


@dataclass(frozen=True)
class Row:
    """One message of the table."""

    message: Message
    key: str
    tries: str

    @property
    def word(self) -> Word:
        """What it is called."""
        return MESSAGE[self.key]

    @property
    def can_resend(self) -> bool:
        """A held one follows by itself; one on its way is on its way."""
        return self.key not in {"HELD", "SENDING", "KEPT"}


@at_shop
@require_GET
def webhooks(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Every endpoint with its state, and the messages."""
    return show_page(request, shop)


@at_shop
@require_http_methods(["GET", "POST"])
def message(request: HttpRequest, shop: Shop, message_id: str) -> HttpResponse:
    """One message: what is said, and each try. POST sends it again."""
    mine = reading.messages(reading.endpoints_of(shop.public_id), message_id)
    found = mine.first() if message_id.startswith("msg_") else None
    if found is None:
        raise Http404
    if request.method == "POST":
        try:
            owners_only(request, shop)
            resending.one(found.endpoint.public_id, message_id, by=by(request))
        except Refusal as refusal:
            return show_page(request, shop, refusal=refusal)
        return redirect(request.path if request.POST.get("next") == "message" else back_to(shop))
    facts = {
        "shop": shop,
        "section": "webhooks",
        "owns": owns(request.user.pk, shop.public_id),
        "row": row_of(found),
        "attempts": [(one, _said(one)) for one in found.attempts.all()],
    }
    return render(request, "merchant/webhook_message.html", facts)


def show_page(request: HttpRequest, shop: Shop, *, refusal: Refusal | None = None) -> HttpResponse:
    """Draw the page; a refusal stands on top."""
    endpoints = list(reading.endpoints_of(shop.public_id))
    tab = request.GET.get("tab", "")
    term = request.GET.get("of", "")[:60]
    found = reading.messages(endpoints, term)
    counts = {name: found.filter(state=TABS[name]).count() for name in ("waiting", "failed")}
    if tab not in TABS:
        tab = "all" if term or not counts["waiting"] else "waiting"
    rows = found.filter(state=TABS[tab]) if TABS[tab] else found
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    facts: dict[str, Any] = {
        "shop": shop,
        "section": "webhooks",
        "owns": owns(request.user.pk, shop.public_id),
        "shown": reading.show(endpoints),
        "tab": tab,
        "term": term,
        "counts": counts,
        "page": page,
        "rows": [row_of(one) for one in page],
        "several": len(endpoints) > 1,
        "refusal": refusal.detail if refusal else "",
        "now": clock.now(),
        "day_ago": clock.now() - timedelta(days=1),
    }
    return render(request, "merchant/webhooks.html", facts, status=refusal.status if refusal else 200)


def row_of(found: Message) -> Row:
    """A message with its word and its tries."""
    return Row(found, reading.word_of(found, clock.now()), _tries(list(found.attempts.all())))


def endpoint_of(shop: Shop, endpoint_id: str) -> Endpoint:
    """An endpoint of this shop. Raises Http404."""
    found = reading.endpoints_of(shop.public_id).filter(public_id=endpoint_id).first()
    if found is None:
        raise Http404
    return found


def owners_only(request: HttpRequest, shop: Shop) -> None:
    """Refuses everybody else with `owner_only`."""
    if not owns(request.user.pk, shop.public_id):
        raise OwnerOnly


def by(request: HttpRequest) -> By:
    """Who presses, as the post office records it."""
    actor = actor_of(request)
    return By(actor.role, actor.account)


def back_to(shop: Shop) -> str:
    """The page."""
    return f"/merchant/{shop.public_id}/webhooks/"


def _tries(attempts: list[Attempt]) -> str:
    """`2 · 503, then no answer in 15 s`: how many, and how the last two went."""
    if not attempts:
        return "0"
    last = [_said(attempt) for attempt in attempts[-2:]]
    if len(last) == 1 and attempts[-1].status:
        last = [_("{status} in {ms} ms").format(status=attempts[-1].status, ms=attempts[-1].ms)]
    return f"{len(attempts)} · {_(', then ').join(last)}"


def _said(attempt: Attempt) -> str:
    return str(attempt.status) if attempt.status else error_in_words(attempt.error)
