"""The admin site: who gets in, the second factor at the door, and a kind and recorded "no" for the wrong role.

Named in config/apps.py as Django's default site, so that every app's admin module registers here.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_otp import devices_for_user, login
from unfold.sites import UnfoldAdminSite

from config.desk import gauges, runs
from config.ground import clock
from orders.order.models import Order
from orders.roles import role_of
from orders.second_factor import CodeDoesNotFit
from orders.services import record_denied
from orders.services.hands import RoleMissing

View = Callable[..., HttpResponse]
NOT_HERE = frozenset({"token_blacklist", "axes"})


class Desk(UnfoldAdminSite):
    """Django's admin with our door, our sections and our first page."""

    index_template = "admin/operations.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take every list but those of NOT_HERE: they show live tokens, or rows that only their app should touch."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        wanted = [model for model in models if model._meta.app_label not in NOT_HERE]  # noqa: SLF001 - public by practice
        super().register(wanted, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Support, with the second factor where it is needed."""
        user: Any = request.user
        if not (user.is_active and user.is_staff):
            return False
        return not settings.ADMIN_NEEDS_TOTP or bool(user.is_verified())

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # noqa: FBT001, FBT002 - Django's signature
        """Wrap every page: nothing is here for customers and shops; a wrong role reads why, and the try is kept."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not request.user.is_staff:
                raise Http404
            try:
                return inner(request, *args, **kwargs)
            except PermissionDenied as error:
                return self.deny(request, str(error) or _what(request), kwargs)

        return update_wrapper(guarded, view)

    def deny(self, request: HttpRequest, verb: str, kwargs: dict[str, Any]) -> HttpResponse:
        """Keep the try and answer 403 with the role and the way back."""
        user: Any = request.user
        role = role_of(user)
        order = Order.objects.filter(public_id=kwargs.get("object_id", "")).first()
        record_denied(user, role, verb, order)
        refusal = RoleMissing(role=_(role) if role else _("none"), verb=verb)
        back = reverse("admin:orders_order_change", args=[order.public_id]) if order else reverse("admin:index")
        facts = {"refusal": refusal, "verb": verb, "role": role, "back": back, "order": order}
        return render(request, "admin/denied.html", {**self.each_context(request), **facts}, status=403)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead to the one door of the house; whoever came through it is asked for the second factor here."""
        del extra_context
        onward = self._onward(request)
        user: Any = request.user
        if not user.is_authenticated:
            return redirect_to_login(onward, reverse("account:signin"))
        if not user.is_staff:
            raise Http404
        if self.has_permission(request):
            return HttpResponseRedirect(onward)
        return self._second_factor(request, onward)

    def _second_factor(self, request: HttpRequest, onward: str) -> HttpResponse:
        user: Any = request.user
        devices = list(devices_for_user(user))
        facts: dict[str, Any] = {"next": onward, "has_device": bool(devices), "refusal": None}
        if request.method == "POST":
            code = request.POST.get("code", "").replace(" ", "")
            fitting = next(
                (device for device in devices if device.verify_is_allowed()[0] and device.verify_token(code)), None
            )
            if fitting is not None:
                login(request, fitting)
                return HttpResponseRedirect(onward)
            facts["refusal"] = CodeDoesNotFit(field="code")
        return render(request, "admin/second_factor.html", facts, status=403 if facts["refusal"] else 200)

    def _onward(self, request: HttpRequest) -> str:
        wanted = request.POST.get("next") or request.GET.get("next", "")
        ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
        return wanted if ours else reverse("admin:index")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Operations: how the house is now, each gauge with the age of what it says."""
        now = clock.now()
        facts = {
            "gauges": gauges.read(now),
            "runs": runs.latest(now),
            "title": _("Operations"),
            **(extra_context or {}),
        }
        return TemplateResponse(request, str(self.index_template), {**self.each_context(request), **facts})


def _what(request: HttpRequest) -> str:
    """Name in words what this address would have done."""
    match = request.resolver_match
    app, _sep, rest = (match.url_name or "").partition("_") if match else ("", "", "")
    model, _sep, action = rest.rpartition("_")
    known = apps.all_models.get(app, {}).get(model)
    verbs = {"add": _("add to “%(what)s”"), "change": _("change “%(what)s”"), "delete": _("delete “%(what)s”")}
    what = known._meta.verbose_name_plural if known else request.path  # noqa: SLF001 - public by practice
    return verbs.get(action, _("open “%(what)s”")) % {"what": what}
