"""Which letters a person gets, by which channel, and how they say no; reached from every letter."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from notifications.letters import preferences
from orders.account.letter_form import COLUMNS, ZONES, LettersForm
from orders.people import User

ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058: what the mail provider posts


@never_cache
@login_required
def letters(request: HttpRequest) -> HttpResponse:
    """The preferences: kinds by channels, consent, quiet hours, zone."""
    user = request.user
    assert isinstance(user, User)
    form = LettersForm(request.POST or None, user=user, found=preferences.of(user.public_id))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Kept. It counts from the next letter on."))
        return redirect("account:letters")
    facts = {
        "form": form, "columns": COLUMNS.values(), "zones": ZONES,
        "consent": preferences.last_consent(user.public_id),
    }  # fmt: skip
    return render(request, "account/letters.html", facts, status=422 if form.errors else 200)


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
