"""The readers of the log, for support: how far each is, what it parked and why; again, or never, with a reason.

The rows are the post office's (notifications/log); the desk stands here because the record of who did what is ours.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal
from notifications.log import parking
from notifications.models import Event, ParkedEvent, ReaderCursor
from orders.admin.readonly import ReadOnlyAdmin
from orders.models import Order, StaffAction, User
from orders.roles import role_of
from orders.services.hands import sentence_of

MAY_RETRY = "orders.repair_order"
MAY_SKIP = "notifications.change_parkedevent"  # the lead's: what is passed over never happens
A_PAGE = 50


@admin.register(ReaderCursor)
class ReaderAdmin(ReadOnlyAdmin):
    """Every reader with its distance; the page of one has what it parked."""

    list_display = ["name", "position", "behind", "parked", "error"]
    search_fields = ["name"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReaderCursor]:
        """With what each has before it, and what it set aside."""
        last = Event.objects.filter(position__isnull=False).order_by("-position").values("position")[:1]
        waiting = ParkedEvent.objects.filter(reader=OuterRef("name"), resolved_at=None).order_by()
        counted = waiting.values("reader").annotate(n=Count("pk")).values("n")
        failed = waiting.filter(tries__gt=0).order_by("-position").values("error")[:1]
        rows: QuerySet[ReaderCursor] = super().get_queryset(request)
        return rows.annotate(
            ahead=Greatest(Coalesce(Subquery(last), 0) - F("position"), 0),
            waiting=Coalesce(Subquery(counted), 0),
            failed=Subquery(failed),
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, under its own name."""
        return super().changelist_view(request, {**(extra_context or {}), "title": _("Readers")})

    @admin.display(description=_("behind by"), ordering="ahead")
    def behind(self, row: Any) -> int:
        """Events that it has not read."""
        return int(row.ahead)

    @admin.display(description=_("parked"), ordering="waiting")
    def parked(self, row: Any) -> int:
        """Events that wait to be handled."""
        return int(row.waiting)

    @admin.display(description=_("last error"))
    def error(self, row: Any) -> str:
        """Why the newest of them failed."""
        return str(row.failed or "–")

    def get_urls(self) -> list[URLPattern]:
        """Add the question before an event is passed over."""
        skip = self.admin_site.admin_view(self.skip_view)
        return [
            path("<str:object_id>/skip/<int:position>/", skip, name="notifications_readercursor_skip"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One reader: where it is, each stream that it parked with the reason, and (POST) once more."""
        del form_url, extra_context
        cursor = self._cursor(request, object_id)
        error = ""
        if request.method == "POST":
            try:
                self._retry(request, cursor.name)
            except Refusal as refusal:
                error = refusal.detail
            else:
                return redirect(request.get_full_path())
        page = Paginator(parking.heads(cursor.name), A_PAGE).get_page(request.GET.get("page"))
        types = dict(Event.objects.filter(position__in=[one.position for one in page]).values_list("position", "type"))
        facts = {
            "standing": parking.standing(cursor),
            "page": page,
            "rows": [(one, types.get(one.position, "")) for one in page],
            "may_skip": request.user.has_perm(MAY_SKIP),
            "error": error,
            "typed": request.POST,
        }
        return self._draw(request, "admin/readers/reader.html", facts, error)

    def skip_view(self, request: HttpRequest, object_id: str, position: int) -> HttpResponse:
        """Ask (GET) and do (POST): pass over an event that can never be handled."""
        cursor = self._cursor(request, object_id)
        parked = parking.heads(cursor.name).filter(position=position).first()
        event = Event.objects.filter(position=position).first()
        if event is None:
            raise Http404
        _must(request, MAY_SKIP, _("pass over events"))
        error = "" if parked else parking.NotParked().detail
        if request.method == "POST":
            try:
                self._skip(request, cursor.name, event)
            except Refusal as refusal:
                error = refusal.detail
            else:
                return redirect(reverse("admin:notifications_readercursor_change", args=[cursor.name]))
        facts = {"cursor": cursor, "parked": parked, "event": event, "error": error, "typed": request.POST}
        return self._draw(request, "admin/readers/skip.html", facts, error)

    def _cursor(self, request: HttpRequest, name: str) -> ReaderCursor:
        cursor = ReaderCursor.objects.filter(name=name).first()
        if cursor is None or not self.has_view_permission(request, cursor):
            raise Http404
        return cursor

    def _draw(self, request: HttpRequest, template: str, facts: dict[str, Any], error: str) -> HttpResponse:
        whole = {**self.admin_site.each_context(request), **facts}
        return render(request, template, whole, status=422 if error else 200)

    def _retry(self, request: HttpRequest, reader: str) -> None:
        """One stream, or all. Raises Refusal, PermissionDenied."""
        stream = request.POST.get("stream", "")
        does = f"reader {reader}: retry {stream or 'all'}"
        user = _must(request, MAY_RETRY, _("retry parked events"))
        with transaction.atomic():
            reason = sentence_of(request.POST.get("reason", ""))
            count = parking.retry(reader, stream)
            _record(user, does, reason, stream)
        words = _("Tried again within a second, in order: {n}. Recorded.").format(n=count)
        self.message_user(request, words, messages.SUCCESS)

    def _skip(self, request: HttpRequest, reader: str, event: Event) -> None:
        does = f"reader {reader}: skip {event.position}"
        user = _must(request, MAY_SKIP, _("pass over events"))
        with transaction.atomic():
            reason = sentence_of(request.POST.get("reason", ""))
            parking.skip(reader, event.position or 0)
            _record(user, does, reason, event.stream)
        self.message_user(request, _("Passed over, and recorded."), messages.SUCCESS)


@admin.register(ParkedEvent)
class ParkedEventAdmin(ReadOnlyAdmin):
    """Every event that a reader could not handle, the waiting ones first; acted on at its reader's page."""

    list_display = ["reader", "stream", "position", "tries", "error", "parked_at", "next_try_at", "outcome"]
    list_filter = ["reader", ("resolved_at", admin.EmptyFieldListFilter), "is_skipped"]
    search_fields = ["=stream"]
    ordering = ["-resolved_at", "reader", "position"]  # PostgreSQL puts the empty ones first

    @admin.display(description=_("outcome"))
    def outcome(self, row: ParkedEvent) -> str:
        """Waits, handled or passed over, and since when."""
        if row.resolved_at is None:
            return str(_("waits"))
        return f"{_('passed over') if row.is_skipped else _('handled')} {row.resolved_at:%Y-%m-%d %H:%M:%S}"


def _must(request: HttpRequest, right: str, words: Any) -> User:
    """Who asks, with that right; the try of somebody without it is recorded by the desk."""
    user = request.user
    if not isinstance(user, User) or not user.has_perm(right):
        raise PermissionDenied(words)
    return user


def _record(user: User, does: str, reason: str, stream: str) -> None:
    kind, _slash, ref = stream.partition("/")
    order = Order.objects.filter(public_id=ref).first() if kind == "order" else None
    StaffAction.objects.create(user=user, role=role_of(user), order=order, does=does[:80], reason=reason)
