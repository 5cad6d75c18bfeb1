"""Letters for support: every one with its tries, read only; one is sent again with a reason, which is kept.

The rows are the post office's; the desk stands here because the record of who did what and why is ours.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from config.ground.problems import Refusal
from notifications.letters import settling
from notifications.letters.models import ASKED
from notifications.letters.words import CHANNEL, STATE
from notifications.models import Letter
from orders.admin.readonly import ReadOnlyAdmin
from orders.models import StaffAction, User
from orders.roles import role_of
from orders.services.hands import record_denied, sentence_of

MAY = "orders.repair_order"


class NotAgain(Refusal):
    """There is nothing to send, or it is about to be sent anyway."""

    code = "letter_not_again"
    status = 409
    message = _("This letter cannot be sent again: its words were deleted, or it still waits.")


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    """Letters to everybody, newest first; the page of one has its tries and the one repair."""

    list_display = ["public_id", "created_at", "kind", "channel", "person", "state", "why"]
    list_filter = [
        ("state", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter), ("about", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    ]  # fmt: skip
    list_filter_submit = True
    search_fields = ["=public_id", "=person", "=stream"]
    ordering = ["-id"]
    list_per_page = 50
    show_full_result_count = False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One letter, and (POST) sending it again."""
        del form_url, extra_context
        letter = Letter.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if letter is None or not self.has_view_permission(request, letter):
            raise Http404
        error = ""
        if request.method == "POST":
            try:
                self._again(request, letter)
            except Refusal as refusal:
                error = refusal.detail
            else:
                return redirect(request.path)
        facts = {
            "letter": letter, "word": STATE[letter.state], "channel": CHANNEL[letter.channel], "error": error,
            "attempts": letter.attempts.all(), "text": _readable(letter), "typed": request.POST,
            "is_again": letter.state != Letter.State.WAITING,
        }  # fmt: skip
        context = {**self.admin_site.each_context(request), **facts}
        return render(request, "admin/letters/letter.html", context, status=422 if error else 200)

    def _again(self, request: HttpRequest, letter: Letter) -> None:
        """Send it again, with its reason, recorded. Raises Refusal, PermissionDenied."""
        user = request.user
        if not isinstance(user, User):
            raise PermissionDenied
        does = f"letter: again {letter.public_id}"
        if not user.has_perm(MAY):
            record_denied(user, role_of(user), does)
            raise PermissionDenied(_("send letters again"))
        reason = sentence_of(request.POST.get("reason", ""))
        with transaction.atomic():
            if settling.again(letter.public_id) is None:
                raise NotAgain
            StaffAction.objects.create(user=user, role=role_of(user), does=does, reason=reason)
        self.message_user(request, _("Done, and recorded."), messages.SUCCESS)


def _readable(letter: Letter) -> str:
    """Its words; the link that confirms an address is for whoever reads that mailbox, not for us."""
    return letter.text.replace(letter.link, "…") if letter.person.startswith(ASKED) and letter.link else letter.text
