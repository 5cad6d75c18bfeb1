"""Who may come in: riders only; to everybody else these pages do not exist."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.vary import vary_on_headers

from tracking.models import Rider

P = ParamSpec("P")


def rider_only(
    view: Callable[Concatenate[HttpRequest, Rider, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Hand the view its rider; strangers are sent to sign in, everyone else gets 404."""

    @wraps(view)
    def opened(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        rider = Rider.objects.select_related("user").filter(user_id=request.user.pk or 0).first()
        if rider is None:
            raise Http404
        return view(request, rider, *args, **kwargs)

    return never_cache(vary_on_headers("HX-Request")(login_required(opened)))
