"""The sidebar: which lists stand under which heading. Only what is registered and may be seen is shown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.ground import clock
from notifications.models import Endpoint, Letter, ParkedEvent
from payments.models import Difference, HandIn, RefundProposal

DAY = timedelta(days=1)


class Item(NamedTuple):
    """One line: its word, its icon, the model whose list it opens (empty: the first page), and what to count."""

    word: str | Promise
    icon: str
    model: str = ""
    waiting: Callable[[], int] | None = None


def _open_differences() -> int:
    return Difference.objects.filter(state=Difference.State.OPEN).count()


def _proposed() -> int:
    return RefundProposal.objects.filter(state=RefundProposal.State.OPEN, expires_at__gt=clock.now()).count()


def _cash_that_waits() -> int:
    return HandIn.objects.filter(state=HandIn.State.COUNTED, to_shop=None).count()


def _parked() -> int:
    return ParkedEvent.objects.filter(resolved_at=None).count()


def _failing_endpoints() -> int:
    return Endpoint.objects.filter(state=Endpoint.State.WORKING, failing_since__isnull=False).count()


def _letters_given_up() -> int:
    """Of the last day: what somebody may still want to send again."""
    return Letter.objects.filter(state=Letter.State.GIVEN_UP, settled_at__gt=clock.now() - DAY).count()


SECTIONS: dict[str | Promise, tuple[Item, ...]] = {
    _("Now"): (
        Item(_("Operations"), "pulse"),
        Item(_("Differences"), "scales", "payments.Difference", _open_differences),
        Item(_("Proposed refunds"), "arrow-back", "payments.RefundProposal", _proposed),
        Item(_("Readers"), "sound", "notifications.ReaderCursor"),
        Item(_("Parked events"), "pause", "notifications.ParkedEvent", _parked),
    ),
    _("Orders"): (
        Item(_("Orders"), "list", "orders.Order"),
        Item(_("Payments"), "card", "payments.Attempt"),
        Item(_("Refunds"), "arrow-back", "payments.Refund"),
        Item(_("Cash in hand"), "cash", "payments.HandIn", _cash_that_waits),
        Item(_("Deliveries"), "bike", "tracking.Delivery"),
        Item(_("Card keys"), "key", "orders.KeyPool"),
    ),
    _("Outside"): (
        Item(_("Gateway inbox"), "message", "payments.InboxEntry"),
        Item(_("Ledger"), "yuan", "payments.LedgerEntry"),
        Item(_("Trial balance"), "scales", "payments.LedgerAccount"),
        Item(_("Hourly checks"), "refresh", "payments.Run"),
        Item(_("Daily bills"), "download", "payments.Bill"),
        Item(_("Webhooks"), "link", "notifications.Endpoint", _failing_endpoints),
        Item(_("Webhook messages"), "message", "notifications.Message"),
        Item(_("Letters"), "message", "notifications.Letter", _letters_given_up),
        Item(_("Registered hosts"), "shield", "notifications.RegisteredHost"),
        Item(_("Event log"), "shield", "notifications.Event"),
        Item(_("Statistics files"), "bars", "notifications.AnalyticsFile"),
    ),
    _("People"): (
        Item(_("Shops"), "shop", "orders.Shop"),
        Item(_("Products"), "box", "orders.Product"),
        Item(_("Riders"), "bike", "tracking.Rider"),
        Item(_("Users"), "people", "orders.User"),
        Item(_("API keys"), "lock", "orders.ApiKey"),
        Item(_("Who did what"), "eye", "orders.StaffAction"),
    ),
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections as unfold wants them; settings.UNFOLD names this function."""
    groups = [
        {"title": title, "items": [row for item in items if (row := _row(item, request))]}
        for title, items in SECTIONS.items()
    ]
    return [group for group in groups if group["items"]]


def chosen_theme(request: HttpRequest) -> str | None:
    """Light or dark as the person chose it for the whole product; None lets the device decide."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in {"light", "dark"} else None


def style_sheet(request: HttpRequest) -> str:
    """Our frame around unfold's lists and forms."""
    del request
    return static("staff/unfold.css")


def favicon(request: HttpRequest) -> str:
    """The mark."""
    del request
    return static("shared/mark.svg")


def theme_script(request: HttpRequest) -> str:
    """Keeps unfold's theme and ours the same."""
    del request
    return static("staff/frame.js")


def _row(item: Item, request: HttpRequest) -> dict[str, Any] | None:
    if not item.model:
        link = reverse("admin:index")
        return {"title": item.word, "icon": item.icon, "link": link, "active": request.path == link}
    model = apps.get_model(item.model)
    if not admin.site.is_registered(model):
        return None
    if not admin.site.get_model_admin(model).has_view_permission(request):
        return None
    link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")  # noqa: SLF001 - public by practice
    count = item.waiting() if item.waiting else 0
    return {
        "title": item.word,
        "icon": item.icon,
        "link": link,
        "active": request.path.startswith(link),
        "count": count,
    }
