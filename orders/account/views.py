"""The pages of the one door, and the language switch; forms post here, nothing leads to another host."""

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from config.ground.limits import Limit, hold
from notifications.letters import subscriptions
from orders.account import push
from orders.account.forms import SignInForm, SignUpForm
from orders.people import ShopStaff, User

YEAR_SECONDS = 31_536_000  # how long a browser remembers the language


@sensitive_post_parameters("password")
@never_cache
def signin(request: HttpRequest) -> HttpResponse:
    """Sign in by phone or name; a wrong pair is one sentence that says how many tries are left."""
    _not_too_fast(request)
    onward = _onward(request)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        pair = {"username": form.cleaned_data["username"], "password": form.cleaned_data["password"]}
        user = authenticate(request, **pair)
        if isinstance(user, User):
            login(request, user)
            return HttpResponseRedirect(onward or _home_of(user))
        form.add_error(None, _wrong_pair(request, pair["username"]))
    status = 401 if form.non_field_errors() else 422 if form.errors else 200
    return render(request, "account/signin.html", {"form": form, "next": onward}, status=status)


def _not_too_fast(request: HttpRequest) -> None:
    """Each try costs a slow hash or tells of an account, so one address may only try so often. Raises TooMany."""
    if request.method == "POST":
        hold(f"door:{request.META.get('REMOTE_ADDR', '')}", Limit(*settings.DOOR_LIMIT))


def _wrong_pair(request: HttpRequest, username: str) -> str:
    tried = AxesProxyHandler.get_failures(request, {"username": username})
    left = max(0, settings.AXES_FAILURE_LIMIT - tried)
    return _("That phone number and password do not belong together. %(n)s more tries, then a pause of 15 minutes.") % {
        "n": left
    }


@sensitive_post_parameters("password")
@never_cache
def signup(request: HttpRequest) -> HttpResponse:
    """Make an account and go on, signed in."""
    _not_too_fast(request)
    onward = _onward(request)
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                user = form.save(get_language() or settings.LANGUAGE_CODE)
        except IntegrityError:
            form.add_error("phone", _("There is an account with this number already. Sign in instead."))
        else:
            login(request, user, backend="orders.signin.PhoneOrNameBackend")
            return HttpResponseRedirect(onward or reverse("storefront:home"))
    status = 422 if form.errors else 200
    return render(request, "account/signup.html", {"form": form, "next": onward}, status=status)


@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    """Forget this visit: account, cart, address and private links; this browser is told of no order any more."""
    subscriptions.end(push.browser_of(request))
    logout(request)
    response = redirect("storefront:home")
    response.delete_cookie(push.COOKIE)
    return response


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Speak another language from now on; the browser remembers it, and the account if there is one."""
    chosen = request.POST.get("language", "")
    response = HttpResponseRedirect(_onward(request) or reverse("storefront:home"))
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, chosen, max_age=YEAR_SECONDS, samesite="Lax", secure=settings.SECURE
        )
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=chosen)
    return response


def _onward(request: HttpRequest) -> str:
    """The page to go on to, if it is one of ours; else an empty text."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else ""


def _home_of(user: User) -> str:
    """Where somebody starts who asked for no page: support in the admin, a shop's staff at the board."""
    if user.is_staff:
        return reverse("admin:index")
    if ShopStaff.objects.filter(user=user).exists():
        return reverse("merchant:home")
    return reverse("storefront:home")
