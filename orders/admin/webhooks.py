"""Where programs are told, for support: every endpoint and message, and the same repairs as the owner's, with a reason.

The rows are the post office's; the desk stands here because the record of who did what and why is ours.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from config.ground import clock
from config.ground.problems import Refusal
from notifications.models import Attempt, Circuit, Endpoint, Message, RegisteredHost
from notifications.webhooks import endpoints, hosts, reading, resending
from notifications.webhooks.endpoints import By
from notifications.webhooks.words import MESSAGE
from orders.admin.readonly import ReadOnlyAdmin
from orders.models import StaffAction, User
from orders.roles import role_of
from orders.services.hands import sentence_of

SHOWN = 50  # messages on an endpoint's page; the list of messages has all
MAY = "orders.repair_order"

Do = Callable[[str, By], object]
REPAIRS: dict[str, tuple[str | Promise, Do]] = {
    "waiting": (_("Send what waits now"), lambda ref, by: resending.waiting(ref, by=by)),
    "challenge": (_("Ask for the proof again"), lambda ref, by: endpoints.challenge(ref, by=by)),
    "pause": (_("Pause"), lambda ref, by: endpoints.pause(ref, by=by)),
    "resume": (_("Resume"), lambda ref, by: endpoints.resume(ref, by=by)),
    "failed": (
        _("Resend what was given up in the last 31 days"),
        lambda ref, by: resending.failed_since(ref, clock.now() - clock.minutes(31 * 24 * 60), by=by),
    ),
    "everything": (_("Everything again from the beginning"), lambda ref, by: resending.everything_from(ref, 1, by=by)),
    "remove": (_("Remove it, with what waits"), lambda ref, by: endpoints.remove(ref, by=by)),
}


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    """Endpoints of every account; the page of one has its messages and the repairs."""

    list_display = ["public_id", "account", "url", "state", "failing_since", "failures", "last_answer", "created_at"]
    list_filter = [("state", ChoicesDropdownFilter), ("failing_since", RangeDateTimeFilter)]
    list_filter_submit = True
    search_fields = ["=public_id", "=account", "host"]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One endpoint: its state, its messages, and (POST) a repair."""
        del form_url, extra_context
        endpoint = Endpoint.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if endpoint is None or not self.has_view_permission(request, endpoint):
            raise Http404
        error = ""
        if request.method == "POST":
            try:
                self._repair(request, endpoint)
            except Refusal as refusal:
                error = refusal.detail
            else:
                return redirect(request.path)
        facts = self._facts(endpoint) | {"error": error, "typed": request.POST}
        return render(
            request,
            "admin/webhooks/endpoint.html",
            {**self.admin_site.each_context(request), **facts},
            status=422 if error else 200,
        )

    def _facts(self, endpoint: Endpoint) -> dict[str, Any]:
        now = clock.now()
        rows = list(reading.messages([endpoint])[:SHOWN])
        return {
            "shown": reading.show([endpoint])[0],
            "endpoint": endpoint,
            "circuit": Circuit.objects.filter(host=endpoint.host).first(),
            "now": now,
            "repairs": [(name, word) for name, (word, _do) in REPAIRS.items()],
            "rows": [(one, MESSAGE[reading.word_of(one, now)], list(one.attempts.all())) for one in rows],
            "is_removed": endpoint.state == Endpoint.State.REMOVED,
        }

    def _repair(self, request: HttpRequest, endpoint: Endpoint) -> None:
        """One repair or one message again, with its reason, recorded. Raises Refusal, PermissionDenied, Http404."""
        user = request.user
        what, message_id = request.POST.get("what", ""), request.POST.get("message", "")
        if (what not in REPAIRS and not message_id) or not isinstance(user, User):
            raise Http404
        does = f"webhook: {message_id or what} {endpoint.public_id}"
        if not user.has_perm(MAY):
            raise PermissionDenied(_("repair webhooks"))
        reason = sentence_of(request.POST.get("reason", ""))
        by = By("staff", user.public_id)
        if message_id:
            resending.one(endpoint.public_id, message_id, by=by)
        else:
            REPAIRS[what][1](endpoint.public_id, by)
        StaffAction.objects.create(user=user, role=role_of(user), does=does[:80], reason=reason)
        self.message_user(request, _("Done, and recorded."), messages.SUCCESS)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Every message with its tries; sent again on its endpoint's page."""

    list_display = ["public_id", "endpoint", "type", "stream", "position", "state", "tries", "next_at", "settled_at"]
    list_filter = [("state", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter)]
    list_filter_submit = True
    list_select_related = ["endpoint"]
    search_fields = ["=public_id", "=stream", "=endpoint__public_id"]
    fields = ["public_id", "endpoint", "type", "stream", "version", "position", "url", "body", "state", "tries"]
    fields += ["next_at", "sending_until", "created_at", "settled_at", "attempts_in_words"]
    readonly_fields = ["attempts_in_words"]

    @admin.display(description=_("Attempts"))
    def attempts_in_words(self, message: Message) -> str:
        """One line a try."""
        return "\n".join(_line(attempt) for attempt in message.attempts.all()) or "–"


@admin.register(Circuit)
class CircuitAdmin(ReadOnlyAdmin):
    """Which hosts are left alone for a while, and since how many failures."""

    list_display = ["host", "failures", "openings", "open_until"]
    search_fields = ["host"]


class HostForm(forms.ModelForm):
    """A host that support vouches for, as orders would name it, and why."""

    reason = forms.CharField(label=_("What did you see?"), max_length=500)

    class Meta:
        model = RegisteredHost
        fields = ("account", "host")

    def clean_host(self) -> str:
        """The host in the one spelling that orders are compared with; never one that may not be called."""
        typed = self.cleaned_data["host"].strip()
        try:
            return hosts.check_endpoint(typed if "://" in typed else f"https://{typed}/", field="host")
        except Refusal as refusal:
            raise forms.ValidationError(refusal.detail) from None

    def clean_reason(self) -> str:
        """A sentence."""
        try:
            return sentence_of(self.cleaned_data["reason"])
        except Refusal as refusal:
            raise forms.ValidationError(refusal.detail) from None


@admin.register(RegisteredHost)
class RegisteredHostAdmin(ReadOnlyAdmin):
    """Which hosts an integrator may be notified at; a superuser may add one that cannot prove itself, and remove it."""

    list_display = ["account", "host", "registered_at"]
    search_fields = ["=account", "host"]
    form = HostForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A new host wants a reason, which is kept with the record of who added it."""
        del request
        return ["account", "host", "registered_at"] if obj else ["account", "host", "reason"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Django's own permission, which no role has."""
        return bool(request.user.has_perm("notifications.add_registeredhost"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The same."""
        del obj
        return bool(request.user.has_perm("notifications.delete_registeredhost"))

    def save_model(self, request: HttpRequest, obj: RegisteredHost, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """With the record of who did it and why."""
        super().save_model(request, obj, form, change)
        _record_host(request, "register", obj, form.cleaned_data["reason"])

    def delete_model(self, request: HttpRequest, obj: RegisteredHost) -> None:
        """With the record of who did it."""
        _record_host(request, "remove", obj, "Removed on the page of registered hosts.")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RegisteredHost]) -> None:
        """One by one, each recorded."""
        for host in queryset:
            self.delete_model(request, host)


def _record_host(request: HttpRequest, verb: str, host: RegisteredHost, reason: str) -> None:
    user = request.user
    if isinstance(user, User):
        does = f"host: {verb} {host.host} of {host.account}"
        StaffAction.objects.create(user=user, role=role_of(user), does=does[:80], reason=reason)


def _line(attempt: Attempt) -> str:
    return f"{attempt.at:%Y-%m-%d %H:%M:%S} · {attempt.status or attempt.error} · {attempt.ms} ms · {attempt.reply}"
