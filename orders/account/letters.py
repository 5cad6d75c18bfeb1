"""Which letters a person gets, by which channel, and how they say no; reached from every letter."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from config.ground.problems import Refusal
from notifications.letters import preferences
from orders.account.letter_form import COLUMNS, ZONES, LettersForm
from orders.letters import address
from orders.letters.address import Link
from orders.people import User

ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058: what the mail provider posts


@never_cache
@login_required
def letters(request: HttpRequest) -> HttpResponse:
    """The preferences: kinds by channels, consent, quiet hours, zone."""
    user = request.user
    assert isinstance(user, User)
    form = LettersForm(request.POST or None, user=user, found=preferences.of(user.public_id))
    if request.method == "POST" and form.is_valid() and _is_kept(request, form):
        return redirect("account:letters")
    facts = {
        "form": form, "columns": COLUMNS.values(), "zones": ZONES, "person": User.objects.get(pk=user.pk),
        "consent": preferences.last_consent(user.public_id),
    }  # fmt: skip
    return render(request, "account/letters.html", facts, status=422 if form.errors else 200)


def _is_kept(request: HttpRequest, form: LettersForm) -> bool:
    try:
        is_asked = form.save()
    except Refusal as refusal:
        form.add_error("email", refusal.detail)
        return False
    messages.success(request, _("Kept. It counts from the next letter on."))
    if is_asked:
        messages.info(request, _("We wrote to the new address. Open the link in that letter to confirm it."))
    return True


@require_POST
@login_required
def email_again(request: HttpRequest) -> HttpResponse:
    """Send the confirmation of the address that waits once more, not too often."""
    user = request.user
    assert isinstance(user, User)
    try:
        if address.ask_again(user):
            messages.success(request, _("We wrote to it again."))
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    return redirect("account:letters")


@never_cache
def email(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm an address, without signing in: whoever reads its mail has the link.

    Looking at the page changes nothing: mail scanners follow every link.
    """
    found = address.confirm(token) if request.method == "POST" else address.look(token)
    if found is None:
        raise Http404
    return render(request, "account/email.html", {"link": found.value}, status=410 if found is Link.OLD else 200)


@csrf_exempt
@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Say no to marketing, without signing in; the signed token is the authority, so no cookie is asked for.

    Looking at the page changes nothing: mail scanners follow every link.
    """
    account = preferences.account_of(token)
    if account is None:
        raise Http404
    if request.method == "POST":
        is_one_click = request.POST.get(ONE_CLICK[0]) == ONE_CLICK[1]
        preferences.say(account, given=False, how="one-click" if is_one_click else "link")
    said_no = not preferences.has_consent(account)
    return render(request, "account/unsubscribe.html", {"said_no": said_no, "token": token})
